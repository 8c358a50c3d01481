// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/unique_handle.hpp"
#include "gpu/import.hpp"
#include "symmem/extend/block.hpp"

namespace symmem::cuda {

/// The imports of shareable memory that are in use in this process. Each block has one mapping,
/// which all attachments of all Contexts share; destroying the last attachment unmaps the block.
/// All functions may be called from any thread.
class ImportCache {
 public:
  explicit ImportCache(DeferredUnmaps& unmaps) : unmaps_(unmaps) {}
  ImportCache(const ImportCache&) = delete;
  ImportCache& operator=(const ImportCache&) = delete;

  /// Returns the import of `block`, or null if the block is not in use.
  std::shared_ptr<Import> find(const BlockId& block);
  /// Returns the import of `block`, an allocation of `bytes`; imports the block on `device` if it
  /// is not in use. Throws Refusal if the driver cannot import the block.
  std::shared_ptr<Import> import_descriptor(const BlockId& block, const Fd& descriptor,
                                            std::size_t bytes, int device);
  /// Does the same with a fabric handle: `handle` is the 64 bytes of a CUmemFabricHandle.
  std::shared_ptr<Import> import_fabric(const BlockId& block, const std::string& handle,
                                        std::size_t bytes, int device);

 private:
  std::shared_ptr<Import> import_once(const BlockId& block, void* handle,
                                      CUmemAllocationHandleType type, std::size_t bytes,
                                      int device);

  DeferredUnmaps& unmaps_;
  std::mutex mutex_;  ///< Guards imports_.
  std::map<BlockId, std::weak_ptr<Import>> imports_;
};

}  // namespace symmem::cuda
