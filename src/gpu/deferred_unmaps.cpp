// SPDX-License-Identifier: Apache-2.0
#include "gpu/deferred_unmaps.hpp"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <thread>

#include "gpu/driver.hpp"

namespace symmem::cuda {
namespace {

/// Memory that is unmapped when nothing uses it any more.
struct Retired {
  std::vector<int> devices;     ///< Of which no event is recorded yet.
  std::vector<CUevent> events;  ///< Behind all that may use it, one a device.
  CUdeviceptr at;
  std::size_t bytes;
};
struct Graveyard {
  std::mutex mutex;
  std::vector<Retired> all;
  static Graveyard& instance() {
    static auto* const graveyard = new Graveyard;
    return *graveyard;
  }
};

/// Records an event behind all that was enqueued on the device; false while that cannot be said.
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
  // Other errors are of a broken context, in which nothing runs any more.
  return result != CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

void record_all(Retired& one) {
  std::erase_if(one.devices, [&](int device) { return record(device, one.events); });
}

bool is_idle(const Retired& one) {
  return one.devices.empty() &&
         std::all_of(one.events.begin(), one.events.end(), [](CUevent event) {
           return Driver::get().EventQuery(event) != CUDA_ERROR_NOT_READY;
         });
}

/// Of what is in the graveyard, with its mutex held.
void unmap_idle_of(std::vector<Retired>& all) {
  std::erase_if(all, [](const Retired& one) {
    if (!is_idle(one)) return false;
    const Driver& driver = Driver::get();
    for (CUevent event : one.events) static_cast<void>(driver.EventDestroy(event));
    static_cast<void>(driver.MemUnmap(one.at, one.bytes));
    static_cast<void>(driver.MemAddressFree(one.at, one.bytes));
    return true;
  });
}

/// Records what is not recorded yet, and unmaps what is idle; tells whether `at` is gone.
bool unmap_idle_and(CUdeviceptr at) {
  auto& [mutex, all] = Graveyard::instance();
  const std::lock_guard lock(mutex);
  for (Retired& one : all) record_all(one);
  unmap_idle_of(all);
  return std::none_of(all.begin(), all.end(), [&](const Retired& one) { return one.at == at; });
}

}  // namespace

void unmap_idle() noexcept {
  try {
    auto& [mutex, all] = Graveyard::instance();
    const std::lock_guard lock(mutex);
    unmap_idle_of(all);
  } catch (...) {  // The driver is going.
  }
}

void unmap_when_idle(const std::vector<int>& devices, CUdeviceptr at, std::size_t bytes) noexcept {
  constexpr std::chrono::milliseconds kSoon{10};
  try {
    {
      auto& [mutex, all] = Graveyard::instance();
      const std::lock_guard lock(mutex);
      all.push_back({devices, {}, at, bytes});
    }
    const auto end = std::chrono::steady_clock::now() + kSoon;
    while (!unmap_idle_and(at) && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(std::chrono::microseconds(20));
  } catch (...) {  // The driver is going: it takes the memory along.
  }
}

}  // namespace symmem::cuda
