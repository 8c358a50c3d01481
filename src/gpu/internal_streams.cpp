// SPDX-License-Identifier: Apache-2.0
#include "gpu/internal_streams.hpp"

#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>

#include "base/check.hpp"
#include "gpu/driver.hpp"

namespace symmem::cuda {
namespace {

/// More calls than these seldom wait at once.
constexpr int kFirst = 16;
/// And more than these are refused.
constexpr int kMost = 256;
/// For a kernel to get its turn, however short the caller's wait: ranks may share the GPU.
constexpr std::chrono::seconds kLeast{1};
/// For one that has begun to report, beside what it waits for itself.
constexpr std::chrono::seconds kGrace{5};
/// For copies, which other work on the device holds up.
constexpr std::chrono::seconds kLongestCopy{60};
/// How often the stream is asked whether it has failed.
constexpr std::chrono::milliseconds kAsk{10};

using Clock = std::chrono::steady_clock;

/// A kernel that has nothing to wait for reports within this; looking costs nothing else.
constexpr std::chrono::microseconds kSpin{50};
/// The same of what waits for the network.
constexpr std::chrono::microseconds kSpinForNetwork{200};
/// The same of copies: a nap would cost large ones a tenth of their speed.
constexpr std::chrono::milliseconds kSpinOfCopy{2};
/// Waiting longer the thread sleeps this long between looks.
constexpr long kNapNs = 50'000;

void nap() {
  const timespec time{0, kNapNs};
  ::nanosleep(&time, nullptr);
}

}  // namespace

Lanes::Lanes(int device) : device_(device) {
  // All of it now: pinning more is no good time when a kernel spins.
  check(cudaHostAlloc(reinterpret_cast<void**>(&reports_), kMost * sizeof(Report),
                      cudaHostAllocPortable | cudaHostAllocMapped),
        "cudaHostAlloc");
  try {
    for (int i = 0; i < kFirst; ++i) idle_.push_back(make());
  } catch (...) {
    destroy();
    throw;
  }
}

Lanes::~Lanes() {
  try {
    const OnDevice here(device_);
    destroy();
  } catch (...) {  // The driver is going: it takes them along.
  }
}

void Lanes::destroy() noexcept {
  reclaim();
  for (const Lane& lane : idle_) static_cast<void>(cudaStreamDestroy(lane.stream));
  // A kernel that was given up may still report: then the reports stay.
  if (static_cast<int>(idle_.size()) == made_) static_cast<void>(cudaFreeHost(reports_));
  idle_.clear();
}

Lane Lanes::make() {
  require(made_ < kMost, Errc::exhausted,
          "{} calls wait for cuda:{} at once, or were given up; no more can", kMost, device_);
  Lane lane;
  int least = 0, greatest = 0;
  check(cudaDeviceGetStreamPriorityRange(&least, &greatest), "cudaDeviceGetStreamPriorityRange");
  check(cudaStreamCreateWithPriority(&lane.stream, cudaStreamNonBlocking, greatest),
        "cudaStreamCreateWithPriority");
  lane.report = new (reports_ + made_++) Report;
  return lane;
}

Lane Lanes::take() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) reclaim();
  if (idle_.empty()) return make();
  const Lane lane = idle_.back();
  idle_.pop_back();
  *lane.report = Report{};
  return lane;
}

void Lanes::give_back(const Lane& lane, bool lost) {
  const std::lock_guard lock(mutex_);
  (lost ? lost_ : idle_).push_back(lane);
}

/// Lanes that were lost are good again when nothing on them can come any more.
void Lanes::reclaim() {
  std::erase_if(lost_, [this](const Lane& lane) {
    if (cudaStreamQuery(lane.stream) == cudaErrorNotReady) return false;
    idle_.push_back(lane);
    return true;
  });
}

Lanes::Use::~Use() {
  if (!lost_ && std::uncaught_exceptions() > exceptions_)
    static_cast<void>(cudaStreamSynchronize(lane_.stream));
  lanes_.give_back(lane_, lost_);
}

std::optional<Report> Lanes::Use::look() {
  const std::atomic_ref state(lane_.report->state);
  const auto there = [&] { return state.load(std::memory_order_acquire) != Report::pending; };
  if (there()) return *lane_.report;
  // A context that an earlier kernel has broken would never report.
  if (const auto now = Clock::now(); now - asked_ >= kAsk) {
    asked_ = now;
    const cudaError_t result = cudaStreamQuery(lane_.stream);
    if (result == cudaErrorNotReady) return {};
    check(result, "a kernel of symmem's");
    require(there(), Errc::internal, "a kernel of symmem's ended without a report");
    return *lane_.report;
  }
  return {};
}

void Lanes::Use::abandon() {
  lost_ = true;
  std::atomic_ref(lane_.report->abandoned).store(1);
}

Report Lanes::Use::wait(std::chrono::nanoseconds timeout, const std::function<void()>& meanwhile) {
  auto begin = Clock::now();
  const auto spin_end = begin + (meanwhile ? kSpinForNetwork : kSpin);
  asked_ = begin;
  bool begun = false;
  while (true) {
    if (const auto report = look()) {
      if (report->state != Report::given_up) return *report;
      lost_ = false;  // Its kernel has ended.
      break;
    }
    const auto now = Clock::now();
    if (now < spin_end) {
      if (meanwhile) meanwhile();
      continue;
    }
    nap();
    const auto longest = std::max<std::chrono::nanoseconds>(timeout, kLeast);
    if (now - begin < (begun ? timeout + kGrace : longest)) continue;
    abandon();
    // Either the kernel sees that, or it has begun before and is seen here: then it ends by itself.
    if (begun || std::atomic_ref(lane_.report->begun).load() == 0) break;
    begun = true;
    lost_ = false;
    begin = now;
  }
  fail(Errc::timeout,
       "cuda:{} has not come to a kernel of symmem's within {:.1f} s: do others hold all its "
       "multiprocessors, or streams that wait all its queues (CUDA_DEVICE_MAX_CONNECTIONS)?",
       lanes_.device_, std::chrono::duration<double>(Clock::now() - begin).count());
}

void Lanes::Use::finish() {
  const auto begin = Clock::now();
  while (true) {
    const cudaError_t result = cudaStreamQuery(lane_.stream);
    if (result != cudaErrorNotReady) return check(result, "a copy on GPU memory");
    const auto waited = Clock::now() - begin;
    if (waited >= kSpinOfCopy) nap();
    if (waited < kLongestCopy) continue;
    lost_ = true;
    fail(Errc::timeout,
         "cuda:{} has not come to a copy of symmem's within {} s, and may still do so: do others "
         "hold it?",
         lanes_.device_, kLongestCopy.count());
  }
}

}  // namespace symmem::cuda
