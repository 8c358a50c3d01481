// SPDX-License-Identifier: Apache-2.0
#include "base/event_loop.hpp"

#include <pthread.h>

#include <utility>  // Asio 1.74 uses std::exchange without including it.

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <shared_mutex>
#include <system_error>
#include <thread>

#include "base/check.hpp"
#include "base/fork.hpp"
#include "base/signal_mask.hpp"
#include "base/standard_fds.hpp"

namespace symmem {
namespace asio = boost::asio;

class EventLoop::Impl {
 public:
  Impl() : work(asio::make_work_guard(io)) {
    const AllSignalsBlocked blocked;
    try {
      thread = std::thread([this] { io.run(); });
    } catch (const std::system_error& e) {
      fail(Errc::exhausted, "cannot start the background thread: {}", e.what());
    }
    id = thread.get_id();
    pthread_setname_np(thread.native_handle(), "symmem");
  }
  ~Impl() { stop(); }
  void stop() {
    const std::unique_lock lock(stopping);
    io.stop();
    if (thread.joinable()) thread.join();
    stopped = true;
  }

  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work;
  std::thread thread;
  std::thread::id id;          // Copied, because stop() may join `thread` concurrently.
  std::shared_mutex stopping;  // run() holds a shared lock while its handler is pending.
  bool stopped = false;        // Guarded by `stopping`.
  const ForkGuard fork;
};

EventLoop::EventLoop() {
  // Called here, because every component of symmem that owns descriptors creates an EventLoop
  // first.
  occupy_standard_fds();
  try {
    impl_ = std::make_unique<Impl>();
  } catch (const boost::system::system_error& e) {
    fail(Errc::exhausted, "cannot make an event loop: {} (out of descriptors? see `ulimit -n`)",
         e.what());
  }
}
EventLoop::~EventLoop() {
  // Leak the loop in a forked child: it has no thread to join and shares the epoll instance with
  // its parent.
  if (impl_->fork.forked()) static_cast<void>(impl_.release());
}
void EventLoop::stop() {
  if (!impl_->fork.forked()) impl_->stop();
}

boost::asio::io_context& EventLoop::io() { return impl_->io; }

void EventLoop::post(std::function<void()> handler) { asio::post(impl_->io, std::move(handler)); }

void EventLoop::run(const std::function<void()>& handler) {
  if (impl_->fork.forked()) return;
  if (std::this_thread::get_id() == impl_->id) return handler();
  std::shared_lock lock(impl_->stopping);
  if (impl_->stopped) {
    lock.unlock();
    return handler();
  }
  struct {
    std::mutex mutex;
    std::condition_variable changed;
    bool done = false;
    // The calling thread owns the exception, so that the loop does not free it while the caller
    // reads it.
    std::exception_ptr error;
  } call;
  post([&call, &handler] {
    try {
      handler();
    } catch (...) {
      call.error = std::current_exception();
    }
    const std::lock_guard done(call.mutex);
    call.done = true;
    call.changed.notify_one();
  });
  std::unique_lock waiting(call.mutex);
  call.changed.wait(waiting, [&call] { return call.done; });
  if (call.error) std::rethrow_exception(call.error);
}

namespace {

/// A subscription that calls its handler each time `Source` fires, and arms the source again after
/// each call. The destructor cancels the source.
template <typename Source>
class RepeatingSubscription : public EventLoop::Subscription {
 public:
  template <typename... Args>
  RepeatingSubscription(EventLoop& loop, std::function<void()> handler, Args&&... args)
      : loop_(loop), state_(std::make_shared<State>(loop.io(), std::forward<Args>(args)...)) {
    state_->handler = std::move(handler);
    loop_.post([state = state_] { state->wait(state); });
  }
  ~RepeatingSubscription() override {
    loop_.run([this] { state_->stop(); });
  }

 private:
  struct State : Source {
    using Source::Source;
    void wait(const std::shared_ptr<State>& self) {
      if (stopped) return;
      this->arm([self](const boost::system::error_code& error) {
        if (self->stopped || error == asio::error::operation_aborted) return;
        // Call a copy, because the handler may destroy the Subscription and with it the original.
        const std::function<void()> call = self->handler;
        call();
        self->wait(self);
      });
    }
    void stop() {
      stopped = true;
      handler = nullptr;
      this->cancel();
    }
    std::function<void()> handler;
    bool stopped = false;
  };

  EventLoop& loop_;
  std::shared_ptr<State> state_;
};

/// A source that fires when a descriptor is readable. Does not own the descriptor and never closes
/// it.
class ReadableSource {
 public:
  ReadableSource(asio::io_context& io, int fd) : descriptor_(io) {
    boost::system::error_code error;
    descriptor_.assign(fd, error);
    require(!error, Errc::exhausted, "cannot watch a descriptor: {}", error.message());
  }
  ~ReadableSource() { cancel(); }
  template <typename Done>
  void arm(Done done) {
    descriptor_.async_wait(asio::posix::stream_descriptor::wait_read, std::move(done));
  }
  void cancel() {
    if (descriptor_.is_open()) descriptor_.release();
  }

 private:
  asio::posix::stream_descriptor descriptor_;
};

/// A source that fires one period after it is armed.
class TimerSource {
 public:
  TimerSource(asio::io_context& io, std::chrono::milliseconds period)
      : timer_(io), period_(period) {}
  template <typename Done>
  void arm(Done done) {
    timer_.expires_after(period_);
    timer_.async_wait(std::move(done));
  }
  void cancel() { timer_.cancel(); }

 private:
  asio::steady_timer timer_;
  std::chrono::milliseconds period_;
};

}  // namespace

std::unique_ptr<EventLoop::Subscription> EventLoop::watch(int fd, std::function<void()> handler) {
  return std::make_unique<RepeatingSubscription<ReadableSource>>(*this, std::move(handler), fd);
}

std::unique_ptr<EventLoop::Subscription> EventLoop::every(std::chrono::milliseconds period,
                                                          std::function<void()> handler) {
  return std::make_unique<RepeatingSubscription<TimerSource>>(*this, std::move(handler), period);
}

}  // namespace symmem
