// SPDX-License-Identifier: Apache-2.0
#include "gpu/import.hpp"

#include <cstring>
#include <mutex>
#include <set>

#include "base/check.hpp"
#include "base/refusal.hpp"
#include "gpu/deferred_unmaps.hpp"
#include "gpu/driver.hpp"

namespace symmem::cuda {
namespace {

void refuse_unless_success(CUresult result, const char* what) {
  if (result != CUDA_SUCCESS) refuse("{}: {}", what, text(result));
}

class ShareableImport : public Import {
 public:
  ShareableImport(void* handle, CUmemAllocationHandleType type, std::size_t bytes, int device,
                  DeferredUnmaps& unmaps)
      : bytes_(bytes), device_(device), unmaps_(unmaps) {
    const OnDevice here(device);
    const Driver& driver = Driver::get();
    CUmemGenericAllocationHandle imported = 0;
    refuse_unless_success(driver.MemImportFromShareableHandle(&imported, handle, type),
                          "cuMemImportFromShareableHandle");
    CUresult result = driver.MemAddressReserve(&at_, bytes, 0, 0, 0);
    if (result == CUDA_SUCCESS) {
      result = driver.MemMap(at_, bytes, 0, imported, 0);
      if (result != CUDA_SUCCESS) static_cast<void>(driver.MemAddressFree(at_, bytes));
    }
    static_cast<void>(driver.MemRelease(imported));  // The mapping keeps the memory allocated.
    refuse_unless_success(result, "mapping a peer's GPU memory");
  }
  ~ShareableImport() override {
    granted_.insert(device_);
    unmaps_.unmap_when_idle({granted_.begin(), granted_.end()}, at_, bytes_);
  }
  std::byte* base() const override { return reinterpret_cast<std::byte*>(at_); }
  std::size_t bytes() const override { return bytes_; }

  void grant(int device) override {
    const OnDevice here(device);
    const std::lock_guard lock(mutex_);
    if (granted_.contains(device)) return;
    const CUmemAccessDesc access{{CU_MEM_LOCATION_TYPE_DEVICE, {device}},
                                 CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    refuse_unless_success(Driver::get().MemSetAccess(at_, bytes_, &access, 1),
                          "enabling access to a peer's GPU memory (cuMemSetAccess)");
    granted_.insert(device);
  }

 private:
  const std::size_t bytes_;
  const int device_;
  DeferredUnmaps& unmaps_;
  CUdeviceptr at_ = 0;
  std::mutex mutex_;  ///< Guards granted_.
  std::set<int> granted_;
};

class LegacyImport : public Import {
 public:
  LegacyImport(const std::string& bytes, std::size_t whole, int device)
      : device_(device), bytes_(whole) {
    const OnDevice here(device);
    cudaIpcMemHandle_t handle;
    static_assert(sizeof handle == 64);
    std::memcpy(&handle, bytes.data(), sizeof handle);
    const cudaError_t result = cudaIpcOpenMemHandle(&at_, handle, cudaIpcMemLazyEnablePeerAccess);
    static_cast<void>(cudaGetLastError());
    refuse_unless(result == cudaSuccess, "cudaIpcOpenMemHandle: {}", cudaGetErrorString(result));
    const PointerFacts facts = facts_of(at_);
    if (facts.bytes != 0) bytes_ = facts.begin + facts.bytes - reinterpret_cast<CUdeviceptr>(at_);
  }
  ~LegacyImport() override {
    try {
      const OnDevice here(device_);
      static_cast<void>(cudaIpcCloseMemHandle(at_));
    } catch (...) {  // CUDA is shutting down.
    }
  }
  std::byte* base() const override { return static_cast<std::byte*>(at_); }
  std::size_t bytes() const override { return bytes_; }
  void grant(int device) override {
    require(device == device_, Errc::internal,
            "an IPC handle that cuda:{} opened is used on cuda:{}", device_, device);
  }

 private:
  const int device_;
  void* at_ = nullptr;
  /// Size that CUDA reports, or that the owner announced if CUDA reports none.
  std::size_t bytes_;
};

}  // namespace

std::unique_ptr<Import> import_shareable(void* handle, CUmemAllocationHandleType type,
                                         std::size_t bytes, int device, DeferredUnmaps& unmaps) {
  return std::make_unique<ShareableImport>(handle, type, bytes, device, unmaps);
}

std::unique_ptr<Import> import_legacy(const std::string& handle, std::size_t bytes, int device) {
  return std::make_unique<LegacyImport>(handle, bytes, device);
}

}  // namespace symmem::cuda
