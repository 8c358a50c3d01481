// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "symmem/extend/block.hpp"

namespace symmem::ucx {

/// The bytes with which a peer attaches a block through UCX. Layout: docs/wire.md, "ucx handle".
struct UcxHandle {
  std::string version;  ///< The owner's UCX: "1.13.1".
  BlockId block;
  std::uint64_t address = 0;  ///< The block's first byte in the owner's address space.
  std::uint64_t bytes = 0;    ///< Usable bytes of the block.
  bool has_token = false;     ///< The block's id follows the usable bytes.
  std::string worker;         ///< The owner's worker address.
  std::string key;            ///< The packed remote key; empty without RMA.

  std::string encode() const;
  /// Throws Error(invalid_argument) for bytes that encode() did not make.
  static UcxHandle decode(std::string_view bytes);
};

}  // namespace symmem::ucx
