// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace symmem::shm {

/// Where to find the descriptor of a block. docs/wire.md, "shm handle".
struct ShmHandle {
  std::string address;           ///< Of the owner's fd service.
  std::string token;             ///< Names the descriptor there.
  std::uint64_t bytes = 0;       ///< Usable bytes of the block.
  std::uint32_t descriptor = 0;  ///< Its number in the owner's process, where /proc shows it.

  std::string encode() const;
  /// Throws Error(invalid_argument) for bytes that encode() did not make.
  static ShmHandle decode(std::string_view bytes);
};

}  // namespace symmem::shm
