// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda.h>

#include <cstddef>
#include <memory>
#include <string>

#include "base/unique_handle.hpp"
#include "symmem/extend/block.hpp"

namespace symmem::cuda_ipc {

/// Another process's GPU memory, mapped into this one. A process maps each block once, for all its
/// Contexts; each device that uses it is granted access.
class Import {
 public:
  virtual ~Import() = default;
  /// First byte of the whole allocation.
  virtual std::byte* base() const = 0;
  /// Of the whole allocation, as CUDA says.
  virtual std::size_t bytes() const = 0;
  /// Lets `device` load, store and copy there. Error(refused) if it cannot.
  virtual void grant(int device) = 0;
};

/// What a handle of CUDA's shared virtual memory leads to.
struct SharedMemory {
  BlockId block;
  std::size_t bytes = 0;  ///< Of the whole allocation.
  int device = 0;         ///< Where the import is made.
};

/// Maps memory shared by a descriptor, or by a fabric handle (64 bytes). Error(refused) if the
/// driver does not take it.
std::shared_ptr<Import> import_descriptor(const SharedMemory& memory, const Fd& descriptor);
std::shared_ptr<Import> import_fabric(const SharedMemory& memory, const std::string& handle);
/// Maps memory of cudaMalloc, of `whole` bytes, by its IPC handle, for one device.
std::shared_ptr<Import> import_legacy(const std::string& handle, int device, std::size_t whole);
/// The import that is there already, or null.
std::shared_ptr<Import> find_import(const BlockId& block);

}  // namespace symmem::cuda_ipc
