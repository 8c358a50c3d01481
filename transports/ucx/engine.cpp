// SPDX-License-Identifier: Apache-2.0
#include "ucx/engine.hpp"

#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include <cstdlib>

#include "base/check.hpp"
#include "ucx/deadline_wait.hpp"
#include "ucx/endpoint.hpp"

namespace symmem::ucx {
namespace {

using Clock = std::chrono::steady_clock;

/// A peer that answers at once is heard within this; going to sleep and waking takes as long.
constexpr std::chrono::microseconds kSpin{50};
/// How often waits look whether the peer is lost, and the thread whether it missed an event.
constexpr std::chrono::milliseconds kTick{50};
/// How long a Context that ends waits for what it accepted, at most.
constexpr std::chrono::seconds kLastFlush{5};

/// Signals are for the application's threads.
std::thread start_quiet(std::function<void()> body) {
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(body));
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

void modify(const Library& ucp, ucp_config_t* config, const char* name, const char* value) {
  if (std::getenv((std::string("UCX_") + name).c_str()) == nullptr)
    require_ok(ucp, ucp.config_modify(config, name, value), name);
}

}  // namespace

Engine::Context::Context(const Library& library, const Options& options) : ucp(library) {
  ucp_config_t* config = nullptr;
  require_ok(ucp, ucp.config_read(nullptr, nullptr, &config), "ucp_config_read");
  const std::unique_ptr<ucp_config_t, decltype(ucp.config_release)> owned(config,
                                                                          ucp.config_release);
  // With a threshold, newer versions drop the lanes that write directly (in peer-failure mode).
  modify(ucp, config, "RNDV_THRESH", "inf");
  if (!options.interface.empty())
    require_ok(ucp, ucp.config_modify(config, "NET_DEVICES", options.interface.c_str()),
               "SYMMEM_INTERFACE");
  ucp_params_t params{};
  params.field_mask = UCP_PARAM_FIELD_FEATURES | UCP_PARAM_FIELD_MT_WORKERS_SHARED;
  params.features = UCP_FEATURE_RMA | UCP_FEATURE_AM | UCP_FEATURE_WAKEUP;
  params.mt_workers_shared = 1;  // Two workers, two threads.
  require_ok(ucp, ucp.init_version(UCP_API_MAJOR, UCP_API_MINOR, &params, config, &context),
             "ucp_init");
}

Engine::Engine(const Options& options, std::uint64_t process, Log& log)
    : ucp_(Library::open(options.ucx_library)),
      log_(log),
      process_(process),
      mode_(options.progress),
      context_(ucp_, options),
      service_worker_(ucp_, context_.get()),
      initiator_(ucp_, context_.get()),
      service_(ucp_, service_worker_, log),
      address_(service_worker_.network_address()) {
  ucp_am_handler_param_t handler{};
  handler.field_mask = UCP_AM_HANDLER_PARAM_FIELD_ID | UCP_AM_HANDLER_PARAM_FIELD_CB |
                       UCP_AM_HANDLER_PARAM_FIELD_ARG;
  handler.id = kReplyId;
  handler.cb = on_reply;
  handler.arg = this;
  require_ok(ucp_, ucp_.worker_set_am_recv_handler(initiator_.get(), &handler),
             "ucp_worker_set_am_recv_handler");
  thread_ = start_quiet([this] { progress_forever(); });
  log_.info("ucx: UCX {}, address of {} bytes", ucp_.version(), address_.size());
}

Engine::~Engine() {
  stop(std::chrono::milliseconds(0));
  close_endpoints();
}

std::shared_ptr<Endpoint> Engine::endpoint(std::uint64_t process, const std::string& address) {
  const std::lock_guard lock(initiator_.mutex);
  if (const auto known = endpoints_.find(process); known != endpoints_.end()) return known->second;
  auto endpoint = std::make_shared<Endpoint>(*this, address);
  endpoints_.emplace(process, endpoint);
  service_.allow(process);
  return endpoint;
}

ucs_status_t Engine::on_reply(void* self, const void* header, std::size_t header_bytes, void* data,
                              std::size_t bytes, const ucp_am_recv_param_t* parameters) {
  // Called by progress, hence with the initiator's mutex held.
  auto& engine = *static_cast<Engine*>(self);
  const bool eager = (parameters->recv_attr & UCP_AM_RECV_ATTR_FLAG_RNDV) == 0;
  const auto reply = Reply::decode({static_cast<const char*>(header), header_bytes});
  if (reply && eager)
    for (const auto& [process, endpoint] : engine.endpoints_)
      endpoint->on_reply(*reply, {static_cast<const char*>(data), bytes});
  engine.notify();
  return UCS_OK;
}

void Engine::progress_initiator() {
  while (initiator_.progress()) {
  }
  // What UCX reports from inside itself is acted upon outside.
  while (!failed_.empty()) {
    Endpoint* endpoint = failed_.back();
    failed_.pop_back();
    endpoint->break_off("its connection was closed");
  }
}

void Engine::wait(std::unique_lock<std::mutex>& lock, Wait& wait,
                  const std::function<bool()>& done) {
  const auto spin_end = Clock::now() + kSpin;
  while (true) {
    if (!stopping_.load()) progress_initiator();
    if (done()) return;
    const bool spin = Clock::now() < spin_end;
    if (!spin) {
      // The thread goes on with it, and calls notify.
      last_poll_.store(0);
      parked_.notify_one();
      initiator_.wake();
      changed_.wait_for(lock, kTick);
      if (done()) return;
    }
    lock.unlock();
    try {
      if (spin)
        poll();
      else
        wait.check();
    } catch (...) {
      lock.lock();
      throw;
    }
    lock.lock();
  }
}

void Engine::poll() {
  last_poll_.store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed);
  {
    const std::unique_lock lock(service_worker_.mutex, std::try_to_lock);
    if (lock.owns_lock() && !stopping_.load()) service_worker_.progress();
  }
  const std::unique_lock lock(initiator_.mutex, std::try_to_lock);
  if (lock.owns_lock() && !stopping_.load()) progress_initiator();
}

void Engine::rest() {
  const std::lock_guard lock(initiator_.mutex);
  last_poll_.store(0);
  parked_.notify_one();
}

bool Engine::polled() const {
  const Clock::duration last(last_poll_.load(std::memory_order_relaxed));
  return Clock::now().time_since_epoch() - last < kSpin;
}

bool Engine::progress_once() {
  bool some = false;
  {
    const std::lock_guard lock(service_worker_.mutex);
    some = service_worker_.progress();
  }
  // Whoever holds it progresses it.
  const std::unique_lock lock(initiator_.mutex, std::try_to_lock);
  if (lock.owns_lock()) {
    some = initiator_.progress() || some;
    if (!failed_.empty()) progress_initiator();
    notify();
  }
  return some;
}

void Engine::progress_forever() {
  auto last = Clock::now();
  while (!stopping_.load()) {
    if (mode_ != "spin" && polled()) {
      // Somebody who waits does our work, better without us on the same core.
      std::unique_lock lock(initiator_.mutex);
      parked_.wait_for(lock, kSpin, [this] { return !polled(); });
    } else if (progress_once()) {
      last = Clock::now();
    } else if (mode_ == "event" || (mode_ == "adaptive" && Clock::now() - last > kSpin)) {
      sleep();
      last = Clock::now();
    } else {
      std::this_thread::yield();
    }
  }
}

void Engine::sleep() {
  {
    const std::lock_guard lock(service_worker_.mutex);
    if (!service_worker_.arm()) return;
  }
  {
    const std::lock_guard lock(initiator_.mutex);
    if (!initiator_.arm()) return;
  }
  pollfd events[] = {{service_worker_.event_fd(), POLLIN, 0}, {initiator_.event_fd(), POLLIN, 0}};
  // Some of UCX's transports have been seen to miss a wakeup.
  ::poll(events, 2, static_cast<int>(kTick.count()));
}

void Engine::stop(std::chrono::milliseconds timeout) noexcept {
  if (stopping_.load()) return;
  try {
    DeadlineWait wait(Deadline::in(std::min<std::chrono::milliseconds>(timeout, kLastFlush), {}));
    std::vector<std::shared_ptr<Endpoint>> whole;
    {
      const std::lock_guard lock(initiator_.mutex);
      for (const auto& [process, endpoint] : endpoints_)
        if (!endpoint->broken()) whole.push_back(endpoint);
    }
    for (const auto& endpoint : whole) try {
        endpoint->finish(wait);
      } catch (const Error& error) {
        // A peer that has gone by itself waits for nothing any more.
        if (error.code() == Errc::timeout)
          log_.warn("ucx: what was sent to a peer before the end may not have arrived: {}",
                    error.what());
      }
  } catch (...) {  // Then it is not flushed.
  }
  stopping_.store(true);
  service_worker_.wake();
  initiator_.wake();
  if (thread_.joinable()) thread_.join();
}

void Engine::close_endpoints() {
  const std::lock_guard lock(initiator_.mutex);
  for (const auto& [process, endpoint] : endpoints_) endpoint->break_off("this Context has ended");
  const auto end = Clock::now() + std::chrono::seconds(1);
  while (initiator_.progress() && Clock::now() < end) {
  }
}

}  // namespace symmem::ucx
