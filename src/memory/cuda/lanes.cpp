// SPDX-License-Identifier: Apache-2.0
#include "memory/cuda/lanes.hpp"

#include <time.h>

#include <atomic>
#include <chrono>

#include "base/check.hpp"
#include "base/cuda/driver.hpp"

namespace symmem::cuda {
namespace {

/// More calls than these seldom wait at once.
constexpr int kFirst = 16;
/// For a kernel to get its turn, beside what it waits for itself.
constexpr std::chrono::seconds kGrace{30};

using Clock = std::chrono::steady_clock;

/// A kernel that has nothing to wait for reports within this; looking costs nothing else.
constexpr std::chrono::microseconds kSpin{50};
/// Waiting longer the thread sleeps this long between looks.
constexpr long kNapNs = 50'000;

void nap() {
  const timespec time{0, kNapNs};
  ::nanosleep(&time, nullptr);
}

}  // namespace

Lanes::Lanes(int device) : device_(device) {
  try {
    for (int i = 0; i < kFirst; ++i) idle_.push_back(make());
  } catch (...) {
    destroy_idle();
    throw;
  }
}

Lanes::~Lanes() {
  try {
    const OnDevice here(device_);
    destroy_idle();
  } catch (...) {  // The driver is going: it takes them along.
  }
}

void Lanes::destroy_idle() noexcept {
  for (const Lane& lane : idle_) {
    static_cast<void>(cudaStreamDestroy(lane.stream));
    static_cast<void>(cudaFreeHost(lane.report));
  }
  idle_.clear();
}

Lane Lanes::make() {
  Lane lane;
  int least = 0, greatest = 0;
  check(cudaDeviceGetStreamPriorityRange(&least, &greatest), "cudaDeviceGetStreamPriorityRange");
  check(cudaStreamCreateWithPriority(&lane.stream, cudaStreamNonBlocking, greatest),
        "cudaStreamCreateWithPriority");
  void* report = nullptr;
  const cudaError_t made =
      cudaHostAlloc(&report, sizeof(Report), cudaHostAllocPortable | cudaHostAllocMapped);
  if (made != cudaSuccess) static_cast<void>(cudaStreamDestroy(lane.stream));
  check(made, "cudaHostAlloc");
  lane.report = new (report) Report;
  return lane;
}

Lane Lanes::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      const Lane lane = idle_.back();
      idle_.pop_back();
      *lane.report = Report{};
      return lane;
    }
  }
  return make();
}

void Lanes::give_back(const Lane& lane) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(lane);
}

Lanes::Use::~Use() {
  if (lost_) return;
  if (std::uncaught_exceptions() > exceptions_)
    static_cast<void>(cudaStreamSynchronize(lane_.stream));
  lanes_.give_back(lane_);
}

Report Lanes::Use::wait(std::chrono::nanoseconds timeout) {
  const auto begin = Clock::now(), spin_end = begin + kSpin;
  const std::atomic_ref state(lane_.report->state);
  while (state.load(std::memory_order_acquire) == Report::pending) {
    if (Clock::now() < spin_end) continue;
    nap();
    // A context that an earlier kernel has broken would never report.
    const cudaError_t result = cudaStreamQuery(lane_.stream);
    if (result == cudaSuccess && state.load(std::memory_order_acquire) == Report::pending)
      fail(Errc::internal, "a kernel of symmem's ended without a report");
    if (result != cudaErrorNotReady) check(result, "a kernel of symmem's");
    if (Clock::now() - begin < timeout + kGrace) continue;
    lost_ = true;
    std::atomic_ref(lane_.report->abandoned).store(1);
    fail(Errc::timeout,
         "the GPU has not come to a kernel of symmem's within {} s: do others hold all its "
         "multiprocessors?",
         std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - begin).count());
  }
  return *lane_.report;
}

void Lanes::Use::finish() const {
  check(cudaStreamSynchronize(lane_.stream), "a copy on GPU memory");
}

}  // namespace symmem::cuda
