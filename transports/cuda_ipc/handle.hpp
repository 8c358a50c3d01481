// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace symmem::cuda_ipc {

/// How to map a block of GPU memory: in up to three forms, of which an empty one is not on offer.
/// docs/wire.md, "cuda_ipc handle".
struct CudaHandle {
  static constexpr std::size_t kUuidBytes = 16, kIpcBytes = 64;

  std::string gpu;          ///< UUID of the device that has the memory.
  std::uint64_t space = 0;  ///< Names the owner's process: there the memory has its own address.
  std::uint64_t address = 0;
  std::uint64_t bytes = 0;   ///< Usable bytes of the block.
  std::uint64_t whole = 0;   ///< Bytes of the allocation that is mapped.
  std::uint64_t offset = 0;  ///< Where the block begins in it.
  bool has_token = false;    ///< The block's id follows its usable bytes.
  std::string fd_service;    ///< Descriptor: where to fetch it,
  std::string fd_token;      ///< and what names it there.
  std::string fabric;        ///< Fabric handle.
  std::string legacy;        ///< cudaIpcMemHandle_t.

  std::string encode() const;
  /// Throws Error(invalid_argument) for bytes that encode() did not make.
  static CudaHandle decode(std::string_view bytes);
};

}  // namespace symmem::cuda_ipc
