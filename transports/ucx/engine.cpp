// SPDX-License-Identifier: Apache-2.0
#include "ucx/engine.hpp"

#include <poll.h>

#include <cstdlib>
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
/// How often waits look whether the peer is lost, and the thread whether it missed an event.
constexpr std::chrono::milliseconds kTick{50};
/// How long a Context that ends waits for what it accepted, at most.
constexpr std::chrono::seconds kLastFlush{5};

/// SYMMEM_PROGRESS: how long the thread looks before it sleeps.
std::chrono::nanoseconds patience_of(const std::string& mode) {
  if (mode == "event") return std::chrono::nanoseconds(0);
  return mode == "spin" ? std::chrono::nanoseconds::max() : kSpin;
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
      patience_(patience_of(options.progress)),
      context_(ucp_, options),
      service_worker_(ucp_, context_.get()),
      initiator_(ucp_, context_.get()),
      service_(ucp_, service_worker_, log),
      address_(service_worker_.network_address()) {
  initiator_.on_message(kReplyId, on_reply, this);
  const AllSignalsBlocked blocked;
  try {
    thread_ = std::thread([this] { progress_forever(); });
  } catch (const std::system_error& e) {
    fail(Errc::exhausted, "cannot start the progress thread: {}", e.what());
  }
  log_.info("ucx: UCX {}, address of {} bytes", ucp_.version(), address_.size());
}

Engine::~Engine() {
  stop(std::chrono::milliseconds(0));
  close_endpoints();
}

std::shared_ptr<Endpoint> Engine::endpoint(std::uint64_t process, const std::string& address) {
  const std::lock_guard lock(initiator_.mutex);
  if (const auto known = endpoints_.find(process); known != endpoints_.end()) return known->second;
  auto endpoint = std::make_shared<Endpoint>(*this, numbered_.size(), address);
  endpoints_.emplace(process, endpoint);
  numbered_.push_back(endpoint.get());
  service_.allow(process);
  return endpoint;
}

ucs_status_t Engine::on_reply(void* self, const void* header, std::size_t header_bytes, void* data,
                              std::size_t bytes, const ucp_am_recv_param_t* parameters) {
  // Called by progress, hence with the initiator's mutex held.
  auto& engine = *static_cast<Engine*>(self);
  const bool eager = (parameters->recv_attr & UCP_AM_RECV_ATTR_FLAG_RNDV) == 0;
  const auto reply = Reply::decode({static_cast<const char*>(header), header_bytes});
  const std::uint64_t number = reply ? Endpoint::number_of(reply->request) : 0;
  if (reply && eager && number < engine.numbered_.size())
    engine.numbered_[number]->on_reply(*reply, {static_cast<const char*>(data), bytes});
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
  }
  return some;
}

void Engine::progress_forever() {
  auto last = Clock::now();
  while (!stopping_.load()) {
    if (patience_ != patience_.max() && polled()) {
      // Somebody who waits does our work, better without us on the same core.
      std::unique_lock lock(initiator_.mutex);
      parked_.wait_for(lock, kSpin, [this] { return !polled(); });
    } else if (progress_once()) {
      last = Clock::now();
    } else if (Clock::now() - last >= patience_) {
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
