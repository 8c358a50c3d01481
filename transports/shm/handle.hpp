// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace symmem::shm {

/// Handle from which another process obtains the descriptor of a block. Layout: docs/wire.md, "shm
/// handle".
struct ShmHandle {
  std::string address;      ///< Address of the owner's FdService.
  std::string token;        ///< Identifies the descriptor in that FdService.
  std::uint64_t bytes = 0;  ///< Usable bytes of the block.
  /// Descriptor number in the owner's process, as in /proc/<pid>/fd.
  std::uint32_t descriptor = 0;

  std::string encode() const;
  /// Throws Error(invalid_argument) if `bytes` were not produced by encode().
  static ShmHandle decode(std::string_view bytes);
};

}  // namespace symmem::shm
