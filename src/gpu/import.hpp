// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda.h>

#include <cstddef>
#include <memory>
#include <string>

namespace symmem::cuda {

class DeferredUnmaps;

/// GPU memory of another process, mapped into this one; unmapped by the destructor. Calls may come
/// from any thread.
class Import {
 public:
  virtual ~Import() = default;
  /// First byte of the whole allocation.
  virtual std::byte* base() const = 0;
  /// Bytes of the whole allocation, as CUDA reports them.
  virtual std::size_t bytes() const = 0;
  /// Lets `device` load, store and copy there. Throws Refusal with the driver's text if it cannot.
  virtual void grant(int device) = 0;
};

/// Maps the `bytes` of an allocation that another process shares by `handle`, a descriptor or a
/// CUmemFabricHandle as `type` says. Destroying the import defers the unmap to `unmaps`, for work
/// that is enqueued on `device` and on the devices granted. Throws Refusal with the driver's text
/// if the driver does not import or map it.
std::unique_ptr<Import> import_shareable(void* handle, CUmemAllocationHandleType type,
                                         std::size_t bytes, int device, DeferredUnmaps& unmaps);

/// Maps an allocation of cudaMalloc, of `bytes` by its owner's account, by its cudaIpcMemHandle_t
/// for use by `device` alone. Throws Refusal with CUDA's text if CUDA does not open it.
std::unique_ptr<Import> import_legacy(const std::string& handle, std::size_t bytes, int device);

}  // namespace symmem::cuda
