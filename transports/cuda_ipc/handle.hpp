// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace symmem::cuda_ipc {

/// Handle from which another process maps a block of GPU memory. Contains up to three kinds of CUDA
/// handle; an empty field means that the kind is not offered. Layout: docs/wire.md, "cuda_ipc
/// handle".
struct CudaIpcHandle {
  static constexpr std::size_t kUuidBytes = 16, kIpcBytes = 64;

  std::string gpu;  ///< UUID of the GPU that holds the memory.
  /// Identifies the owner's process, in which `address` is valid.
  std::uint64_t address_space = 0;
  std::uint64_t address = 0;  ///< Address of the block's first byte.
  std::uint64_t bytes = 0;    ///< Usable bytes of the block.
  /// Size of the allocation; an import maps the whole allocation.
  std::uint64_t allocation_bytes = 0;
  std::uint64_t offset = 0;  ///< Offset of the block in the allocation.
  bool has_token = false;    ///< True if the block's id follows the usable bytes.
  std::string fd_service;    ///< Address of the FdService that serves the descriptor.
  std::string fd_token;      ///< Identifies the descriptor in that FdService.
  std::string fabric;        ///< Bytes of a CUmemFabricHandle.
  std::string legacy;        ///< Bytes of a cudaIpcMemHandle_t.

  std::string encode() const;
  /// Throws Error(invalid_argument) if `bytes` were not produced by encode().
  static CudaIpcHandle decode(std::string_view bytes);
};

}  // namespace symmem::cuda_ipc
