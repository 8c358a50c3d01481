// SPDX-License-Identifier: Apache-2.0
#include "gpu/import_cache.hpp"

#include <cstdint>
#include <cstring>

namespace symmem::cuda {

std::shared_ptr<Import> ImportCache::find(const BlockId& block) {
  const std::lock_guard lock(mutex_);
  const auto found = imports_.find(block);
  return found == imports_.end() ? nullptr : found->second.lock();
}

std::shared_ptr<Import> ImportCache::import_descriptor(const BlockId& block, const Fd& descriptor,
                                                       std::size_t bytes, int device) {
  void* const handle = reinterpret_cast<void*>(static_cast<std::intptr_t>(descriptor.get()));
  return import_once(block, handle, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, bytes, device);
}

std::shared_ptr<Import> ImportCache::import_fabric(const BlockId& block, const std::string& handle,
                                                   std::size_t bytes, int device) {
  CUmemFabricHandle fabric;
  static_assert(sizeof fabric == 64);
  std::memcpy(&fabric, handle.data(), sizeof fabric);
  return import_once(block, &fabric, CU_MEM_HANDLE_TYPE_FABRIC, bytes, device);
}

std::shared_ptr<Import> ImportCache::import_once(const BlockId& block, void* handle,
                                                 CUmemAllocationHandleType type, std::size_t bytes,
                                                 int device) {
  const std::lock_guard lock(mutex_);
  std::erase_if(imports_, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<Import>& entry = imports_[block];
  if (auto known = entry.lock()) return known;
  const std::shared_ptr<Import> made = import_shareable(handle, type, bytes, device, unmaps_);
  entry = made;
  return made;
}

}  // namespace symmem::cuda
