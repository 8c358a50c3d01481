// SPDX-License-Identifier: Apache-2.0
#include "cuda_ipc/imports.hpp"

#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <set>

#include "base/check.hpp"
#include "gpu/driver.hpp"
#include "gpu/deferred_unmaps.hpp"

namespace symmem::cuda_ipc {
namespace {

using cuda::Driver;
using cuda::OnDevice;

/// What the process has mapped; entries of unmapped memory are dropped as others come.
struct Known {
  std::mutex mutex;
  std::map<BlockId, std::weak_ptr<Import>> imports;

  static Known& instance() {
    static auto* const known = new Known;  // Outlives every import.
    return *known;
  }
};

void require_taken(CUresult result, const char* what) {
  require(result == CUDA_SUCCESS, Errc::refused, "{}: {}", what,
          result == CUDA_SUCCESS ? "" : cuda::text(result));
}

class SharedImport : public Import {
 public:
  SharedImport(const SharedMemory& memory, void* handle, CUmemAllocationHandleType type)
      : memory_(memory) {
    const Driver& driver = Driver::get();
    CUmemGenericAllocationHandle imported = 0;
    require_taken(driver.MemImportFromShareableHandle(&imported, handle, type),
                  "cuMemImportFromShareableHandle");
    CUresult result = driver.MemAddressReserve(&at_, memory.bytes, 0, 0, 0);
    if (result == CUDA_SUCCESS) {
      result = driver.MemMap(at_, memory.bytes, 0, imported, 0);
      if (result != CUDA_SUCCESS) static_cast<void>(driver.MemAddressFree(at_, memory.bytes));
    }
    static_cast<void>(driver.MemRelease(imported));  // The mapping keeps the memory.
    require_taken(result, "mapping a peer's GPU memory");
  }
  ~SharedImport() override {
    granted_.insert(memory_.device);
    cuda::unmap_when_idle({granted_.begin(), granted_.end()}, at_, memory_.bytes);
  }
  std::byte* base() const override { return reinterpret_cast<std::byte*>(at_); }
  std::size_t bytes() const override { return memory_.bytes; }

  void grant(int device) override {
    const OnDevice here(device);
    const std::lock_guard lock(mutex_);
    if (granted_.contains(device)) return;
    const CUmemAccessDesc access{{CU_MEM_LOCATION_TYPE_DEVICE, {device}},
                                 CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    require_taken(Driver::get().MemSetAccess(at_, memory_.bytes, &access, 1),
                  "access to a peer's GPU memory (cuMemSetAccess)");
    granted_.insert(device);
  }

 private:
  const SharedMemory memory_;
  CUdeviceptr at_ = 0;
  std::mutex mutex_;  ///< Guards granted_.
  std::set<int> granted_;
};

class LegacyImport : public Import {
 public:
  LegacyImport(const std::string& bytes, int device, std::size_t whole)
      : device_(device), bytes_(whole) {
    cudaIpcMemHandle_t handle;
    static_assert(sizeof handle == 64);
    std::memcpy(&handle, bytes.data(), sizeof handle);
    const cudaError_t result = cudaIpcOpenMemHandle(&at_, handle, cudaIpcMemLazyEnablePeerAccess);
    static_cast<void>(cudaGetLastError());
    require(result == cudaSuccess, Errc::refused, "cudaIpcOpenMemHandle: {}",
            cudaGetErrorString(result));
    const cuda::PointerFacts facts = cuda::facts_of(at_);
    if (facts.bytes != 0) bytes_ = facts.begin + facts.bytes - reinterpret_cast<CUdeviceptr>(at_);
  }
  ~LegacyImport() override {
    try {
      const OnDevice here(device_);
      static_cast<void>(cudaIpcCloseMemHandle(at_));
    } catch (...) {  // The driver is going.
    }
  }
  std::byte* base() const override { return static_cast<std::byte*>(at_); }
  std::size_t bytes() const override { return bytes_; }
  void grant(int device) override {
    require(device == device_, Errc::refused, "an IPC handle is opened for one device, {}, not {}",
            device_, device);
  }

 private:
  const int device_;
  void* at_ = nullptr;
  std::size_t bytes_;  ///< As CUDA says or, where it does not, the handle.
};

std::shared_ptr<Import> import_shared(const SharedMemory& memory, void* handle,
                                      CUmemAllocationHandleType type) {
  Known& known = Known::instance();
  const std::lock_guard lock(known.mutex);
  if (auto there = known.imports[memory.block].lock()) return there;
  const OnDevice here(memory.device);
  auto made = std::make_shared<SharedImport>(memory, handle, type);
  std::erase_if(known.imports, [](const auto& entry) { return entry.second.expired(); });
  known.imports[memory.block] = made;
  return made;
}

}  // namespace

std::shared_ptr<Import> find_import(const BlockId& block) {
  Known& known = Known::instance();
  const std::lock_guard lock(known.mutex);
  const auto found = known.imports.find(block);
  return found == known.imports.end() ? nullptr : found->second.lock();
}

std::shared_ptr<Import> import_descriptor(const SharedMemory& memory, const Fd& descriptor) {
  return import_shared(memory,
                       reinterpret_cast<void*>(static_cast<std::intptr_t>(descriptor.get())),
                       CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR);
}

std::shared_ptr<Import> import_fabric(const SharedMemory& memory, const std::string& handle) {
  CUmemFabricHandle fabric;
  static_assert(sizeof fabric == 64);
  std::memcpy(&fabric, handle.data(), sizeof fabric);
  return import_shared(memory, &fabric, CU_MEM_HANDLE_TYPE_FABRIC);
}

std::shared_ptr<Import> import_legacy(const std::string& handle, int device, std::size_t whole) {
  const OnDevice here(device);
  return std::make_shared<LegacyImport>(handle, device, whole);
}

}  // namespace symmem::cuda_ipc
