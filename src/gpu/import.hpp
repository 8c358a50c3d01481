// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda.h>

#include <cstddef>
#include <memory>
#include <string>

namespace symmem::cuda {

class DeferredUnmaps;

/// A mapping of another process's GPU memory in this process. The destructor unmaps the memory. All
/// functions may be called from any thread.
class Import {
 public:
  virtual ~Import() = default;
  /// Returns the address of the first byte of the allocation.
  virtual std::byte* base() const = 0;
  /// Returns the size of the allocation in bytes.
  virtual std::size_t bytes() const = 0;
  /// Enables loads, stores and copies by `device` on the mapping. Throws Refusal with the driver's
  /// error text if the driver does not permit it.
  virtual void grant(int device) = 0;
};

/// Maps an allocation of `bytes` that another process shares through `handle`; `type` selects a
/// descriptor or a CUmemFabricHandle. The import's destructor passes the range to `unmaps`, which
/// unmaps it after the work enqueued on `device` and on all granted devices. Throws Refusal with
/// the driver's error text if the driver cannot import or map the allocation.
std::unique_ptr<Import> import_shareable(void* handle, CUmemAllocationHandleType type,
                                         std::size_t bytes, int device, DeferredUnmaps& unmaps);

/// Maps a cudaMalloc allocation from its cudaIpcMemHandle_t, for use by `device` only. `bytes` is
/// the size that the owner announced. Throws Refusal with CUDA's error text if CUDA cannot open the
/// handle.
std::unique_ptr<Import> import_legacy(const std::string& handle, std::size_t bytes, int device);

}  // namespace symmem::cuda
