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

/// Number of streams created at construction: more than 16 host calls rarely run at the same time.
constexpr int kInitial = 16;
/// Maximum number of streams.
constexpr int kMost = 256;
/// Minimum time limit for the start of a kernel, used if the caller's timeout is shorter. Another
/// rank may occupy the GPU.
constexpr std::chrono::seconds kLeastToStart{1};
/// A started kernel must report within the caller's timeout plus this time.
constexpr std::chrono::seconds kGrace{5};
/// Timeout of copies, which other work on the device may delay.
constexpr std::chrono::seconds kCopyTimeout{60};
/// Interval between calls of cudaStreamQuery, which detect failed streams.
constexpr std::chrono::milliseconds kQueryInterval{10};

using Clock = std::chrono::steady_clock;

/// Time to poll without sleeping. A kernel that does not wait for a peer reports within this time.
constexpr std::chrono::microseconds kSpin{50};
/// Time to poll without sleeping for a kernel that waits for the network.
constexpr std::chrono::microseconds kSpinForNetwork{200};
/// Time to poll without sleeping for copies: sleeping would reduce the bandwidth of large copies by
/// a tenth.
constexpr std::chrono::milliseconds kSpinForCopy{2};
/// Sleep time between two polls once these times have passed, in nanoseconds.
constexpr long kNapNs = 50'000;

void nap() {
  const timespec time{0, kNapNs};
  ::nanosleep(&time, nullptr);
}

}  // namespace

InternalStreams::InternalStreams(int device) : device_(device) {
  // Pins the memory of all reports now: pinning memory later may block while a kernel spins.
  check(cudaHostAlloc(reinterpret_cast<void**>(&reports_), kMost * sizeof(Report),
                      cudaHostAllocPortable | cudaHostAllocMapped),
        "cudaHostAlloc");
  try {
    for (int i = 0; i < kInitial; ++i) idle_.push_back(create());
  } catch (...) {
    destroy();
    throw;
  }
}

InternalStreams::~InternalStreams() {
  try {
    const OnDevice here(device_);
    destroy();
  } catch (...) {  // CUDA is shutting down and frees the streams itself.
  }
}

void InternalStreams::destroy() noexcept {
  reclaim();
  for (const InternalStream& one : idle_) static_cast<void>(cudaStreamDestroy(one.stream));
  // Keep the memory if a stream is busy: an abandoned kernel may still write its report.
  if (static_cast<int>(idle_.size()) == created_) static_cast<void>(cudaFreeHost(reports_));
  idle_.clear();
}

InternalStream InternalStreams::create() {
  require(created_ < kMost, Errc::exhausted,
          "cannot start a host call on cuda:{}: {} earlier calls still occupy all streams", device_,
          kMost);
  InternalStream made;
  int least = 0, greatest = 0;
  check(cudaDeviceGetStreamPriorityRange(&least, &greatest), "cudaDeviceGetStreamPriorityRange");
  check(cudaStreamCreateWithPriority(&made.stream, cudaStreamNonBlocking, greatest),
        "cudaStreamCreateWithPriority");
  made.report = new (reports_ + created_++) Report;
  return made;
}

InternalStream InternalStreams::acquire() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) reclaim();
  if (idle_.empty()) return create();
  const InternalStream one = idle_.back();
  idle_.pop_back();
  *one.report = Report{};
  return one;
}

void InternalStreams::release(const InternalStream& stream, bool busy) {
  const std::lock_guard lock(mutex_);
  (busy ? busy_ : idle_).push_back(stream);
}

void InternalStreams::reclaim() {
  std::erase_if(busy_, [this](const InternalStream& one) {
    if (cudaStreamQuery(one.stream) == cudaErrorNotReady) return false;
    idle_.push_back(one);
    return true;
  });
}

InternalStreams::Lease::~Lease() {
  if (!busy_ && std::uncaught_exceptions() > exceptions_)
    static_cast<void>(cudaStreamSynchronize(stream_.stream));
  pool_.release(stream_, busy_);
}

std::optional<Report> InternalStreams::Lease::poll() {
  const std::atomic_ref state(stream_.report->state);
  const auto reported = [&] { return state.load(std::memory_order_acquire) != Report::pending; };
  if (reported()) return *stream_.report;
  // If an earlier kernel has broken the context, no kernel reports: query the stream.
  if (const auto now = Clock::now(); now - queried_ >= kQueryInterval) {
    queried_ = now;
    const cudaError_t result = cudaStreamQuery(stream_.stream);
    if (result == cudaErrorNotReady) return {};
    check(result, "symmem kernel");
    require(reported(), Errc::internal, "a symmem kernel ended without a report");
    return *stream_.report;
  }
  return {};
}

void InternalStreams::Lease::abandon() {
  busy_ = true;
  std::atomic_ref(stream_.report->abandoned).store(1);
}

Report InternalStreams::Lease::wait(std::chrono::nanoseconds timeout,
                                    const std::function<void()>& meanwhile) {
  auto begin = Clock::now();
  const auto spin_end = begin + (meanwhile ? kSpinForNetwork : kSpin);
  queried_ = begin;
  bool started = false;
  while (true) {
    if (const auto report = poll()) {
      if (report->state != Report::skipped) return *report;
      busy_ = false;  // The kernel has ended.
      break;
    }
    const auto now = Clock::now();
    if (now < spin_end) {
      if (meanwhile) meanwhile();
      continue;
    }
    nap();
    const auto longest = std::max<std::chrono::nanoseconds>(timeout, kLeastToStart);
    if (now - begin < (started ? timeout + kGrace : longest)) continue;
    abandon();
    // Either the kernel reads `abandoned` and does nothing, or it has set `started` before, which
    // is read here. A started kernel ends at the latest at its own timeout.
    if (started || std::atomic_ref(stream_.report->started).load() == 0) break;
    started = true;
    busy_ = false;
    begin = now;
  }
  fail(Errc::timeout,
       "kernel did not start on cuda:{} within {:.1f} s: all SMs or hardware queues are busy (see "
       "CUDA_DEVICE_MAX_CONNECTIONS)",
       pool_.device_, std::chrono::duration<double>(Clock::now() - begin).count());
}

void InternalStreams::Lease::synchronize() {
  const auto begin = Clock::now();
  while (true) {
    const cudaError_t result = cudaStreamQuery(stream_.stream);
    if (result != cudaErrorNotReady) return check(result, "copy of GPU memory");
    const auto waited = Clock::now() - begin;
    if (waited >= kSpinForCopy) nap();
    if (waited < kCopyTimeout) continue;
    busy_ = true;
    fail(Errc::timeout,
         "copy on cuda:{} did not complete within {} s and may still take effect: other work "
         "occupies the GPU",
         pool_.device_, kCopyTimeout.count());
  }
}

}  // namespace symmem::cuda
