// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "symmem/extend/block.hpp"

namespace symmem::ucx {

/// How to reach a block by UCX. docs/wire.md, "ucx handle".
struct UcxHandle {
  std::string version;  ///< Of the owner's UCX.
  BlockId block;
  std::uint64_t address = 0;  ///< Of the block's first byte, at its owner.
  std::uint64_t bytes = 0;    ///< Usable bytes of the block.
  bool has_token = false;     ///< The block's id follows them.
  std::string worker;         ///< Address of the owner's worker.
  std::string key;            ///< Packed remote key.

  std::string encode() const;
  /// Throws Error(invalid_argument) for bytes that encode() did not make.
  static UcxHandle decode(std::string_view bytes);
};

}  // namespace symmem::ucx
