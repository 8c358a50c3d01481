// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace symmem::cuda_ipc {

/// The bytes by which another process maps a block of GPU memory, by up to three kinds of handle
/// (empty: not offered). docs/wire.md, "cuda_ipc handle".
struct CudaIpcHandle {
  static constexpr std::size_t kUuidBytes = 16, kIpcBytes = 64;

  std::string gpu;                  ///< UUID of the memory's device.
  std::uint64_t address_space = 0;  ///< Identifies the owner's process, where `address` is valid.
  std::uint64_t address = 0;        ///< The block's first byte.
  std::uint64_t bytes = 0;          ///< Usable bytes of the block.
  std::uint64_t allocation_bytes = 0;  ///< An import maps all of them.
  std::uint64_t offset = 0;            ///< Offset of the block in the allocation.
  bool has_token = false;              ///< The block's id follows its usable bytes.
  std::string fd_service;              ///< Address of the FdService that has the descriptor.
  std::string fd_token;                ///< Identifies the descriptor there.
  std::string fabric;                  ///< CUmemFabricHandle.
  std::string legacy;                  ///< cudaIpcMemHandle_t.

  std::string encode() const;
  /// Throws Error(invalid_argument) unless encode() made the bytes.
  static CudaIpcHandle decode(std::string_view bytes);
};

}  // namespace symmem::cuda_ipc
