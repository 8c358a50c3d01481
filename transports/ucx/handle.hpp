// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "symmem/extend/block.hpp"

namespace symmem::ucx {

/// Handle with which a peer attaches a block through UCX. Layout: docs/wire.md, "ucx handle".
struct UcxHandle {
  std::string version;  ///< UCX version of the owner, for example "1.13.1".
  BlockId block;
  std::uint64_t address = 0;  ///< Address of the block's first byte in the owner's address space.
  std::uint64_t bytes = 0;    ///< Usable bytes of the block.
  bool has_token = false;     ///< True if the block's id follows the usable bytes.
  std::string worker;         ///< Address of the owner's worker.
  std::string key;            ///< Packed remote key; empty if the block is not registered for RMA.

  std::string encode() const;
  /// Throws Error(invalid_argument) if `bytes` were not produced by encode().
  static UcxHandle decode(std::string_view bytes);
};

}  // namespace symmem::ucx
