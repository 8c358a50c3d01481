// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace symmem::shm {

/// The bytes by which another process finds the descriptor of a block: docs/wire.md, "shm handle".
struct ShmHandle {
  std::string address;           ///< Address of the owner's FdService.
  std::string token;             ///< Identifies the descriptor there.
  std::uint64_t bytes = 0;       ///< Usable bytes of the block.
  std::uint32_t descriptor = 0;  ///< Its number in the owner's process, as in /proc.

  std::string encode() const;
  /// Throws Error(invalid_argument) unless encode() made the bytes.
  static ShmHandle decode(std::string_view bytes);
};

}  // namespace symmem::shm
