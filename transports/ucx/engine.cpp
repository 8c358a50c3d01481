// SPDX-License-Identifier: Apache-2.0
#include "ucx/engine.hpp"

#include <poll.h>
#include <pthread.h>

#include <system_error>

#include "base/check.hpp"
#include "base/signal_mask.hpp"
#include "ucx/deadline_wait.hpp"
#include "ucx/endpoint.hpp"

namespace symmem::ucx {
namespace {

using Clock = std::chrono::steady_clock;

/// A peer that answers at once is heard within this; going to sleep and waking takes as long.
constexpr std::chrono::microseconds kSpin{50};
/// The same of who waits for an operation: the first piece of a long get takes twice as long.
constexpr std::chrono::microseconds kSpinOfWait{150};
/// How often the thread looks whether others who poll still do: at first after kSpin, later seldom,
/// since each look takes their core for some microseconds.
constexpr std::chrono::milliseconds kLongestPause{1};
/// Looks between two that give way to other threads, each of which takes as long as a look.
constexpr unsigned kLooks = 8;
/// Between two looks at what a GPU does for a peer; nothing wakes the thread when it is done.
constexpr std::chrono::microseconds kNap{20};
/// How often waits look whether the peer is lost, and the thread whether it missed an event.
constexpr std::chrono::milliseconds kTick{50};
/// How long a Context that ends waits for what it accepted, at most, and then for UCX to close its
/// connections, which takes microseconds.
constexpr std::chrono::seconds kLastFlush{5};
constexpr std::chrono::milliseconds kLastLook{200};

/// SYMMEM_PROGRESS: how long the thread looks before it sleeps.
std::chrono::nanoseconds patience_of(Progress mode) {
  if (mode == Progress::event) return std::chrono::nanoseconds(0);
  return mode == Progress::spin ? std::chrono::nanoseconds::max() : kSpin;
}

}  // namespace

/// What a thread of the application is while it progresses in the place of the engine's.
class Engine::Polling {
 public:
  explicit Polling(Engine& engine) : engine_(engine), guard_(engine.guard_captures()) {
    engine_.polling_.fetch_add(1, std::memory_order_relaxed);
  }
  ~Polling() {
    engine_.last_poll_.store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed);
    engine_.polling_.fetch_sub(1, std::memory_order_relaxed);
  }
  Polling(const Polling&) = delete;
  Polling& operator=(const Polling&) = delete;

 private:
  Engine& engine_;
  const std::unique_ptr<CaptureGuard> guard_;
};

Engine::Engine(const Options& options, std::uint64_t process, Log& log, std::shared_ptr<Gpus> gpus)
    : ucp_(Library::open(options.ucx_library)),
      log_(log),
      process_(process),
      patience_(patience_of(options.progress)),
      context_(ucp_, options),
      worker_(ucp_, context_.get()),
      gpus_(std::move(gpus)),
      service_(ucp_, worker_, log),
      address_(worker_.network_address()) {
  worker_.on_message(kReplyId, on_reply, this);
  const AllSignalsBlocked blocked;
  try {
    thread_ = std::thread([this] { progress_forever(); });
    pthread_setname_np(thread_.native_handle(), "symmem-ucx");
  } catch (const std::system_error& e) {
    fail(Errc::exhausted, "cannot start the progress thread: {}", e.what());
  }
  log_.info("ucx: UCX {}, address of {} bytes", ucp_.version(), address_.size());
}

Engine::~Engine() { stop(); }

bool Engine::knows_cuda() const {
  ucp_context_attr_t attributes{};
  attributes.field_mask = UCP_ATTR_FIELD_MEMORY_TYPES;
  require_ok(ucp_, ucp_.context_query(context(), &attributes), "ucp_context_query");
  return (attributes.memory_types & UCS_BIT(UCS_MEMORY_TYPE_CUDA)) != 0;
}

std::shared_ptr<Endpoint> Engine::endpoint(std::uint64_t process, const std::string& address) {
  const auto lock = worker_.lock();
  if (const auto known = endpoints_.find(process); known != endpoints_.end()) return known->second;
  auto endpoint = std::make_shared<Endpoint>(*this, numbered_.size(), address);
  endpoints_.emplace(process, endpoint);
  numbered_.push_back(endpoint.get());
  service_.allow(process);
  return endpoint;
}

ucs_status_t Engine::on_reply(void* self, const void* header, std::size_t header_bytes, void* data,
                              std::size_t bytes, const ucp_am_recv_param_t* parameters) {
  // Called by progress, hence with the worker locked.
  auto& engine = *static_cast<Engine*>(self);
  const bool eager = (parameters->recv_attr & UCP_AM_RECV_ATTR_FLAG_RNDV) == 0;
  const auto reply = Reply::decode({static_cast<const char*>(header), header_bytes});
  const std::uint64_t number = reply ? Endpoint::number_of(reply->request) : 0;
  if (reply && eager && number < engine.numbered_.size())
    engine.numbered_[number]->on_reply(*reply, {static_cast<const char*>(data), bytes});
  engine.notify();
  return UCS_OK;
}

bool Engine::progress() {
  if (stopping_.load()) return false;
  bool some = worker_.progress();
  some = service_.carry_on() || some;
  // What UCX reports from inside itself is acted upon outside.
  while (!failed_.empty()) {
    Endpoint* endpoint = failed_.back();
    failed_.pop_back();
    endpoint->break_off("its connection was closed");
  }
  return some;
}

void Engine::wait(std::unique_lock<std::mutex>& lock, Wait& wait,
                  const std::function<bool()>& done) {
  while (!spin(lock, done)) {
    // The thread goes on with it, and calls notify.
    stop_polling();
    worker_.wake();
    changed_.wait_for(lock, kTick);
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

/// Progresses until `done`, or until nothing has come for some time or it is time for a check.
bool Engine::spin(std::unique_lock<std::mutex>& lock, const std::function<bool()>& done) {
  const Polling polling(*this);
  auto now = Clock::now();
  const auto check = now + kTick;
  auto end = now + kSpinOfWait;
  while (true) {
    bool some = false;
    for (unsigned look = 0; look == 0 || (look < kLooks && !worker_.wanted()); ++look) {
      some = progress() || some;
      if (done()) return true;
    }
    now = Clock::now();
    if (some) end = now + kSpinOfWait;
    if (now >= end || now >= check) return false;
    lock.unlock();
    std::this_thread::yield();
    lock.lock();
  }
}

void Engine::let_change(std::unique_lock<std::mutex>& lock) {
  // Whoever stops the engine ends what is under way.
  if (stopping_.load())
    changed_.wait_for(lock, kTick);
  else
    progress();
}

void Engine::poll() {
  const Polling polling(*this);
  try_progress();
}

void Engine::stop_polling() {
  last_poll_.store(0, std::memory_order_relaxed);
  const std::lock_guard lock(parking_);
  parked_.notify_one();
}

bool Engine::polled() const {
  if (polling_.load(std::memory_order_relaxed) != 0) return true;
  const Clock::duration last(last_poll_.load(std::memory_order_relaxed));
  return Clock::now().time_since_epoch() - last < kSpin;
}

/// Looks several times whether something has come. Whoever has locked the worker does that itself.
bool Engine::try_progress() {
  const auto lock = worker_.try_lock();
  if (!lock.owns_lock()) return false;
  for (unsigned look = 0; look < kLooks; ++look) {
    if (progress()) return true;
    if (worker_.wanted()) break;
  }
  return false;
}

void Engine::park(std::chrono::nanoseconds longest) {
  std::unique_lock lock(parking_);
  parked_.wait_for(lock, longest, [this] { return !polled(); });
}

void Engine::progress_forever() {
  auto last = Clock::now();
  std::chrono::nanoseconds pause = kSpin;
  std::unique_ptr<CaptureGuard> guard;
  while (!stopping_.load()) {
    if (!guard) guard = guard_captures();
    if (patience_ != patience_.max() && polled()) {
      // Somebody who waits does our work, better without us on the same core.
      park(pause);
      pause = std::min<std::chrono::nanoseconds>(4 * pause, kLongestPause);
      continue;
    }
    pause = kSpin;
    const bool for_gpu = service_.waits_for_gpu();
    if (try_progress()) {
      last = Clock::now();
    } else if (Clock::now() - last <
               (for_gpu ? std::max<std::chrono::nanoseconds>(patience_, kSpin) : patience_)) {
      std::this_thread::yield();
    } else if (for_gpu) {
      std::this_thread::sleep_for(kNap);
    } else {
      sleep();
      last = Clock::now();
    }
  }
}

void Engine::sleep() {
  {
    const auto lock = worker_.lock();
    if (!worker_.arm()) return;
  }
  pollfd event{worker_.event_fd(), POLLIN, 0};
  // Some of UCX's transports have been seen to miss a wakeup.
  ::poll(&event, 1, static_cast<int>(kTick.count()));
}

void Engine::give_up(std::uint64_t process) noexcept {
  const auto lock = worker_.lock();
  const auto found = endpoints_.find(process);
  if (found != endpoints_.end() && !stopping_.load()) found->second->break_off("its rank is lost");
}

void Engine::finish(std::chrono::milliseconds timeout) noexcept {
  if (finished_.exchange(true)) return;
  try {
    const Deadline end = Deadline::in(std::min<std::chrono::milliseconds>(timeout, kLastFlush), {});
    std::vector<std::shared_ptr<Endpoint>> whole;
    {
      const auto lock = worker_.lock();
      for (const auto& [process, endpoint] : endpoints_)
        if (!endpoint->broken()) whole.push_back(endpoint);
    }
    for (std::size_t left = whole.size(); left > 0; --left) try {
        // One that does not answer leaves time for the others.
        DeadlineWait wait(Deadline::in(end.remaining() / static_cast<int>(left), {}));
        whole[left - 1]->finish(wait);
      } catch (const Error& error) {
        // A peer that has gone by itself waits for nothing any more.
        if (error.code() == Errc::timeout)
          log_.warn("ucx: what was sent to a peer before the end may not have arrived: {}",
                    error.what());
      }
  } catch (...) {  // Then it is not flushed.
  }
}

void Engine::stop() noexcept {
  if (stopping_.exchange(true)) return;
  worker_.wake();
  if (thread_.joinable()) thread_.join();
  close_endpoints();
}

void Engine::close_endpoints() {
  const auto lock = worker_.lock();
  for (const auto& [process, endpoint] : endpoints_) endpoint->break_off("this Context has ended");
  // Peers that still send must not keep us.
  const auto end = Clock::now() + kLastLook;
  while (worker_.progress() && Clock::now() < end) {
  }
}

}  // namespace symmem::ucx
