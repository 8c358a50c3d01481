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

/// The imports of shareable memory that are in use in this process: one mapping for each block,
/// shared by all attachments of all Contexts and unmapped with the last of them. Calls may come
/// from any thread.
class ImportCache {
 public:
  explicit ImportCache(DeferredUnmaps& unmaps) : unmaps_(unmaps) {}
  ImportCache(const ImportCache&) = delete;
  ImportCache& operator=(const ImportCache&) = delete;

  /// Returns the import of `block` that is in use, or null.
  std::shared_ptr<Import> find(const BlockId& block);
  /// Returns the import of `block`, an allocation of `bytes`; imports it on `device` if none is in
  /// use. Throws Refusal if the driver does not import it.
  std::shared_ptr<Import> import_descriptor(const BlockId& block, const Fd& descriptor,
                                            std::size_t bytes, int device);
  /// The same by the 64 bytes of a CUmemFabricHandle.
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
