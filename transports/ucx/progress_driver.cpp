// SPDX-License-Identifier: Apache-2.0
#include "ucx/progress_driver.hpp"

#include <poll.h>
#include <pthread.h>

#include <system_error>

#include "base/check.hpp"
#include "base/signal_mask.hpp"

namespace symmem::ucx {
namespace {

using Clock = std::chrono::steady_clock;

/// Time to poll before sleeping. An immediate reply from a peer arrives within this time, and
/// sleeping and waking takes as long.
constexpr std::chrono::microseconds kSpin{50};
/// Time to poll before sleeping in wait(). The first part of a long get takes more than kSpin to
/// arrive.
constexpr std::chrono::microseconds kWaitSpin{150};
/// Maximum interval at which the parked progress thread checks whether other threads still poll.
/// The interval starts at kSpin and grows, because each check takes some microseconds on the core
/// of a polling thread.
constexpr std::chrono::milliseconds kLongestPark{1};
/// Number of polls between two yields to other threads; a yield takes as long as a poll.
constexpr unsigned kPollsPerTurn = 8;
/// Interval of polls while a GPU executes an atomic, because the completion wakes no thread.
constexpr std::chrono::microseconds kGpuPollInterval{20};
/// Interval at which wait() calls Wait::check(), and maximum sleep time of the progress thread.
constexpr std::chrono::milliseconds kCheckInterval{50};

std::chrono::nanoseconds spin_time_of(Progress mode) {
  if (mode == Progress::event) return std::chrono::nanoseconds(0);
  return mode == Progress::spin ? std::chrono::nanoseconds::max() : kSpin;
}

}  // namespace

/// RAII: marks that an application thread progresses instead of the progress thread.
class ProgressDriver::Polling {
 public:
  explicit Polling(ProgressDriver& driver) : driver_(driver), guard_(driver.capture_guard()) {
    driver_.polling_.fetch_add(1, std::memory_order_relaxed);
  }
  ~Polling() {
    driver_.last_poll_.store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed);
    driver_.polling_.fetch_sub(1, std::memory_order_relaxed);
  }
  Polling(const Polling&) = delete;
  Polling& operator=(const Polling&) = delete;

 private:
  ProgressDriver& driver_;
  const std::unique_ptr<CaptureGuard> guard_;
};

ProgressDriver::ProgressDriver(Worker& worker, Service& service, Progress mode)
    : worker_(worker), service_(service), spin_time_(spin_time_of(mode)) {}

void ProgressDriver::start() {
  const AllSignalsBlocked blocked;
  try {
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), "symmem-ucx");
  } catch (const std::system_error& e) {
    fail(Errc::exhausted, "cannot start the progress thread: {}", e.what());
  }
}

bool ProgressDriver::stop() noexcept {
  if (stopping_.exchange(true)) return false;
  worker_.wake();
  if (thread_.joinable()) thread_.join();
  return true;
}

/// Returns whether there was any progress.
bool ProgressDriver::progress() {
  if (stopping_.load()) return false;
  bool some = worker_.progress();
  some = service_.progress() || some;
  while (!deferred_.empty()) {
    const auto action = std::move(deferred_.back());
    deferred_.pop_back();
    action();
  }
  return some;
}

void ProgressDriver::wait(std::unique_lock<std::mutex>& lock, Wait& wait,
                          const std::function<bool()>& done) {
  while (!spin(lock, done)) {
    // From here on the progress thread progresses, and its callbacks notify this thread.
    stop_polling();
    worker_.wake();
    changed_.wait_for(lock, kCheckInterval);
    if (done()) return;
    lock.unlock();
    try {
      wait.check();
    } catch (...) {
      lock.lock();
      throw;
    }
    lock.lock();
  }
}

/// Progresses until `done()` returns true. Returns false if nothing has arrived for kWaitSpin or a
/// check is due.
bool ProgressDriver::spin(std::unique_lock<std::mutex>& lock, const std::function<bool()>& done) {
  const Polling polling(*this);
  auto now = Clock::now();
  const auto check = now + kCheckInterval;
  auto end = now + kWaitSpin;
  while (true) {
    bool some = false;
    for (unsigned polls = 0; polls == 0 || (polls < kPollsPerTurn && !worker_.wanted()); ++polls) {
      some = progress() || some;
      if (done()) return true;
    }
    now = Clock::now();
    if (some) end = now + kWaitSpin;
    if (now >= end || now >= check) return false;
    lock.unlock();
    std::this_thread::yield();
    lock.lock();
  }
}

void ProgressDriver::progress_once(std::unique_lock<std::mutex>& lock) {
  // During shutdown, the thread that shuts the engine down completes the operations in flight.
  if (stopping_.load())
    changed_.wait_for(lock, kCheckInterval);
  else
    progress();
}

void ProgressDriver::poll() {
  const Polling polling(*this);
  try_progress();
}

void ProgressDriver::stop_polling() {
  last_poll_.store(0, std::memory_order_relaxed);
  const std::lock_guard lock(parking_);
  parked_.notify_one();
}

bool ProgressDriver::polled_recently() const {
  if (polling_.load(std::memory_order_relaxed) != 0) return true;
  const Clock::duration last(last_poll_.load(std::memory_order_relaxed));
  return Clock::now().time_since_epoch() - last < kSpin;
}

/// Polls several times. Returns false if the worker is locked: the thread that has locked the
/// worker progresses.
bool ProgressDriver::try_progress() {
  const auto lock = worker_.try_lock();
  if (!lock.owns_lock()) return false;
  for (unsigned polls = 0; polls < kPollsPerTurn; ++polls) {
    if (progress()) return true;
    if (worker_.wanted()) break;
  }
  return false;
}

void ProgressDriver::park(std::chrono::nanoseconds longest) {
  std::unique_lock lock(parking_);
  parked_.wait_for(lock, longest, [this] { return !polled_recently(); });
}

void ProgressDriver::run() {
  auto last = Clock::now();
  std::chrono::nanoseconds pause = kSpin;
  std::unique_ptr<CaptureGuard> guard;
  while (!stopping_.load()) {
    if (!guard) guard = capture_guard();
    if (spin_time_ != spin_time_.max() && polled_recently()) {
      // An application thread progresses; it is faster if this thread does not use its core.
      park(pause);
      pause = std::min<std::chrono::nanoseconds>(4 * pause, kLongestPark);
      continue;
    }
    pause = kSpin;
    const bool for_gpu = service_.waits_for_gpu();
    if (try_progress()) {
      last = Clock::now();
    } else if (Clock::now() - last <
               (for_gpu ? std::max<std::chrono::nanoseconds>(spin_time_, kSpin) : spin_time_)) {
      std::this_thread::yield();
    } else if (for_gpu) {
      std::this_thread::sleep_for(kGpuPollInterval);
    } else {
      sleep();
      last = Clock::now();
    }
  }
}

void ProgressDriver::sleep() {
  {
    const auto lock = worker_.lock();
    if (!worker_.arm()) return;
  }
  pollfd event{worker_.event_fd(), POLLIN, 0};
  // The sleep has a time limit, because some UCX transports miss wakeups.
  ::poll(&event, 1, static_cast<int>(kCheckInterval.count()));
}

}  // namespace symmem::ucx
