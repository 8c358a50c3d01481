// SPDX-License-Identifier: Apache-2.0
#include "gpu/deferred_unmaps.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include "gpu/driver.hpp"

namespace symmem::cuda {
namespace {

/// Records an event that completes after all work enqueued on the device so far. Returns false if
/// an active stream capture prevents this; the caller must then retry.
bool record(int device, std::vector<CUevent>& events) {
  const OnDevice here(device);
  const Driver& driver = Driver::get();
  if (driver.CtxRecordEvent == nullptr)
    return cudaDeviceSynchronize() != cudaErrorStreamCaptureUnsupported;
  CUevent event = nullptr;
  if (const CUresult made = driver.EventCreate(&event, CU_EVENT_DISABLE_TIMING);
      made != CUDA_SUCCESS)
    return made != CUDA_ERROR_OUT_OF_MEMORY;
  const CUresult result = driver.CtxRecordEvent(driver.context(device), event);
  if (result == CUDA_SUCCESS) {
    events.push_back(event);
    return true;
  }
  static_cast<void>(driver.EventDestroy(event));
  // Every other error means that the context is broken, so that no work in it runs any more.
  return result != CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

}  // namespace

bool DeferredUnmaps::is_idle(const Range& range) {
  return range.devices.empty() &&
         std::all_of(range.events.begin(), range.events.end(), [](CUevent event) {
           return Driver::get().EventQuery(event) != CUDA_ERROR_NOT_READY;
         });
}

void DeferredUnmaps::unmap_idle_ranges() {
  std::erase_if(ranges_, [](const Range& range) {
    if (!is_idle(range)) return false;
    const Driver& driver = Driver::get();
    for (CUevent event : range.events) static_cast<void>(driver.EventDestroy(event));
    static_cast<void>(driver.MemUnmap(range.at, range.bytes));
    static_cast<void>(driver.MemAddressFree(range.at, range.bytes));
    return true;
  });
}

bool DeferredUnmaps::unmap_idle_and(CUdeviceptr at) {
  const std::lock_guard lock(mutex_);
  for (Range& range : ranges_)
    std::erase_if(range.devices, [&](int device) { return record(device, range.events); });
  unmap_idle_ranges();
  return std::none_of(ranges_.begin(), ranges_.end(),
                      [&](const Range& range) { return range.at == at; });
}

void DeferredUnmaps::unmap_idle() noexcept {
  try {
    const std::lock_guard lock(mutex_);
    unmap_idle_ranges();
  } catch (...) {  // CUDA is shutting down.
  }
}

void DeferredUnmaps::unmap_when_idle(const std::vector<int>& devices, CUdeviceptr at,
                                     std::size_t bytes) noexcept {
  constexpr std::chrono::milliseconds kLongest{10};
  try {
    {
      const std::lock_guard lock(mutex_);
      ranges_.push_back({devices, {}, at, bytes});
    }
    const auto end = std::chrono::steady_clock::now() + kLongest;
    while (!unmap_idle_and(at) && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(std::chrono::microseconds(20));
  } catch (...) {  // CUDA is shutting down and frees the memory itself.
  }
}

}  // namespace symmem::cuda
