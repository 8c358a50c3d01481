// SPDX-License-Identifier: Apache-2.0
#include "base/event_loop.hpp"

#include <doctest/doctest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "base/unique_handle.hpp"
#include "harness/resources.hpp"

using namespace symmem;
using std::chrono::milliseconds;

namespace {

struct SocketPair {
  SocketPair() {
    int both[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, both) == 0);
    near = Fd(both[0]), far = Fd(both[1]);
  }
  void write() const { REQUIRE(::write(far.get(), "x", 1) == 1); }
  Fd near, far;
};

bool arrives(std::future<void>& event) {
  return event.wait_for(std::chrono::seconds(60)) == std::future_status::ready;
}

}  // namespace

TEST_CASE("handlers run in order on one thread, which is not the caller's thread") {
  EventLoop loop;
  std::vector<int> order;
  std::thread::id first, last;
  loop.post([&] { first = std::this_thread::get_id(); });
  for (int i = 0; i < 100; ++i) loop.post([&order, i] { order.push_back(i); });
  loop.run([&] { last = std::this_thread::get_id(); });
  CHECK(first == last);
  CHECK(first != std::this_thread::get_id());
  REQUIRE(order.size() == 100);
  for (int i = 0; i < 100; ++i) CHECK(order[static_cast<std::size_t>(i)] == i);
}

TEST_CASE(
    "run returns after its handler has completed; on the loop's thread, run calls the handler "
    "directly") {
  EventLoop loop;
  int depth = 0;
  loop.run([&] {
    ++depth;
    loop.run([&] { ++depth; });
    CHECK(depth == 2);
  });
  CHECK(depth == 2);
}

TEST_CASE("watch calls its handler when the descriptor has data and at end-of-file") {
  EventLoop loop;
  SocketPair pair;
  std::atomic<int> read{0};
  std::promise<void> ended;
  auto event = ended.get_future();
  const auto watch = loop.watch(pair.near.get(), [&] {
    char byte;
    const ssize_t got = ::read(pair.near.get(), &byte, 1);
    if (got == 1 && ++read < 3) pair.write();
    if (got == 1 && read == 3) pair.far = Fd();
    if (got == 0 && read == 3) ++read, ended.set_value();
  });
  pair.write();
  CHECK(arrives(event));
  CHECK(read >= 4);
}

TEST_CASE("a destroyed subscription calls no handler and leaves the descriptor open") {
  EventLoop loop;
  SocketPair pair;
  std::atomic<int> calls{0};
  for (int i = 0; i < 100; ++i) {
    bool alive = true;
    auto watch = loop.watch(pair.near.get(), [&] {
      CHECK(alive);
      ++calls;
    });
    pair.write();
    watch.reset();
    alive = false;
    loop.run([] {});
  }
  char bytes[200];
  CHECK(::read(pair.near.get(), bytes, sizeof bytes) == 100);
}

TEST_CASE("a handler may destroy its own subscription") {
  EventLoop loop;
  SocketPair pair;
  std::promise<void> done;
  auto event = done.get_future();
  std::unique_ptr<EventLoop::Subscription> watch;
  loop.run([&] {
    watch = loop.watch(pair.near.get(), [&, token = std::make_shared<int>(7)] {
      watch.reset();
      CHECK(*token == 7);  // The captures live until the handler returns.
      done.set_value();
    });
  });
  pair.write();
  CHECK(arrives(event));
  loop.run([] {});  // A second call of the handler would terminate the program.
}

TEST_CASE("a periodic handler runs repeatedly until its subscription is destroyed") {
  EventLoop loop;
  std::atomic<int> ticks{0};
  std::promise<void> fifth;
  auto event = fifth.get_future();
  auto timer = loop.every(milliseconds(1), [&] {
    if (++ticks == 5) fifth.set_value();
  });
  CHECK(arrives(event));
  timer.reset();
  const int after = ticks;
  loop.run([] {});
  CHECK(ticks == after);
}

TEST_CASE("a destroyed loop drops pending handlers and leaks no resources") {
  const auto before = harness::Resources::now();
  SocketPair pair;
  {
    auto loop = std::make_unique<EventLoop>();
    auto token = std::make_shared<int>(1);
    std::weak_ptr<int> dropped = token;
    std::promise<void> go;
    loop->post([&, started = go.get_future().share()] { started.wait(); });
    loop->post([token = std::move(token)] {});
    std::thread ending([&] { loop.reset(); });
    go.set_value();
    ending.join();
    CHECK(dropped.expired());
  }
  pair.near = Fd(), pair.far = Fd();
  CHECK(before.changes() == "");
}

TEST_CASE("run rethrows an exception that its handler throws") {
  EventLoop loop;
  CHECK_THROWS_WITH_AS(loop.run([] { throw std::runtime_error("reason"); }), "reason",
                       std::runtime_error);
  loop.run([] {});
}

TEST_CASE("run calls its handler even if stop() is called concurrently") {
  for (int i = 0; i < 50; ++i) {
    EventLoop loop;
    int ran = 0;
    std::promise<void> started;
    std::thread running([&] {
      started.set_value();
      for (int call = 0; call < 100; ++call) loop.run([&] { ++ran; });
    });
    started.get_future().wait();
    loop.stop();
    running.join();
    CHECK(ran == 100);
  }
}

TEST_CASE("the loop's thread blocks the signals of the application") {
  EventLoop loop;
  loop.run([] {
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    for (const int number : {SIGINT, SIGTERM, SIGUSR1, SIGCHLD, SIGPIPE})
      CHECK(sigismember(&blocked, number) == 1);
  });
  sigset_t own;
  pthread_sigmask(SIG_SETMASK, nullptr, &own);
  CHECK(sigismember(&own, SIGINT) == 0);
}
