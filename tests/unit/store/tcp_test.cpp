// SPDX-License-Identifier: Apache-2.0
// Tests of TCP stores only: addresses, jobs, signals, fork and descriptors.
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <future>
#include <set>
#include <thread>

#include "base/event_loop.hpp"
#include "harness/progress.hpp"
#include "harness/resources.hpp"
#include "store/tcp_store.hpp"
#include "stores.hpp"

namespace symmem {
namespace {

using namespace std::chrono_literals;

TEST_CASE("the error of a connect without a server names the address and the reason") {
  TcpStoreOptions options;
  options.port = StoreServer({}, StoreServer::Serves::one_job).port();  // Free after this line.
  options.timeout = 100ms;
  check_error([&] { make_tcp_store(options); }, Errc::timeout,
              {"tcp://127.0.0.1:" + std::to_string(options.port), "refused"});
}

TEST_CASE("a client may connect before its server listens") {
  TcpStoreOptions options;
  options.port = StoreServer({}, StoreServer::Serves::one_job).port();
  options.timeout = kAmple;
  auto client = std::async(std::launch::async, [&] { return make_tcp_store(options); });
  const StoreServer server(options, StoreServer::Serves::one_job);
  client.get()->set("key", "");
}

TEST_CASE(
    "a name that does not resolve is retried until the deadline, and the error contains the name") {
  TcpStoreOptions options;
  options.host = "no-such-host.invalid";
  options.port = 1;
  options.timeout = 50ms;
  check_error([&] { make_tcp_store(options); }, Errc::timeout, {"no-such-host.invalid"});
}

TEST_CASE("all addresses of a name are tried") {
  addrinfo* addresses = nullptr;
  if (::getaddrinfo("localhost", nullptr, nullptr, &addresses) != 0) {
    return harness::skip("this host does not resolve localhost; check /etc/hosts");
  }
  ::freeaddrinfo(addresses);
  // On most hosts localhost is ::1 and 127.0.0.1; the server listens at one of these addresses.
  StoreServer server({}, StoreServer::Serves::one_job);
  TcpStoreOptions options = options_for(server);
  options.host = "localhost";
  make_tcp_store(options)->set("key", "");
}

TEST_CASE("a client connects to an IPv6 address with and without brackets") {
  std::optional<StoreServer> server;
  try {
    TcpStoreOptions options;
    options.host = "::1";
    server.emplace(options, StoreServer::Serves::one_job);
  } catch (const Error& error) {
    return harness::skip(std::string("this host has no IPv6 loopback: ") + error.what());
  }
  CHECK(server->url() == "tcp://[::1]:" + std::to_string(server->port()));
  for (const char* host : {"::1", "[::1]"}) {
    TcpStoreOptions options = options_for(*server);
    options.host = host;
    make_tcp_store(options)->set("key", host);
  }
}

TEST_CASE("port numbers out of range are refused by server and client") {
  TcpStoreOptions options;
  for (const auto& [port, count] :
       {std::pair{65'535, 2}, {65'535, 3}, {1, 65'536}, {7, 0}, {7, -1}}) {
    options.port = static_cast<std::uint16_t>(port);
    options.port_count = count;
    const std::string said = "port_count is " + std::to_string(count);
    check_error([&] { make_tcp_store(options); }, Errc::invalid_argument, {said});
    check_error([&] { StoreServer(options, StoreServer::Serves::one_job); }, Errc::invalid_argument,
                {said});
  }
  options.port = 0;
  options.port_count = 2;
  check_error([&] { StoreServer(options, StoreServer::Serves::one_job); }, Errc::invalid_argument);
}

TEST_CASE("destroying a server in a forked child does not affect the parent's server") {
  auto server = std::make_optional<StoreServer>(TcpStoreOptions{}, StoreServer::Serves::one_job);
  const auto store = make_tcp_store(options_for(*server));
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(static_cast<unsigned>(kAmple.count()));  // Ends the child if it hangs.
    server.reset();
    ::_exit(0);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  store->set("key", "");
  make_tcp_store(options_for(*server))->set("key", "");
}

TEST_CASE("a server of one job refuses another job and names its own job") {
  TcpStoreOptions options;
  options.job = "mine";
  StoreServer server(options, StoreServer::Serves::one_job);
  options.port = server.port();
  make_tcp_store(options)->set("key", "");
  options.job = "yours";
  check_error(
      [&] { make_tcp_store(options); }, Errc::refused,
      {"serves job \"mine\"", "asked for job \"yours\"", "pid " + std::to_string(::getpid())});
}

TEST_CASE("jobs on one server are separate and end with their last connection") {
  StoreServer server({}, StoreServer::Serves::any_job);
  TcpStoreOptions a = options_for(server), b = options_for(server);
  a.job = "a";
  b.job = "b";
  auto first = make_tcp_store(a);
  const auto other = make_tcp_store(b);
  first->set("key", "A");
  CHECK(!other->check({"key"}));
  const auto errors = errors_of_threads(
      2, [&](int job) { (job == 0 ? first : other)->join(join_of(0, 1), nullptr); });
  check_none(errors);
  first.reset();
  // The server detects the end of a connection later than the client, so the test retries until the
  // job has ended.
  for (bool there = true; there;) there = make_tcp_store(a)->check({"key"});
}

TEST_CASE("a server of one job keeps keys for clients that reconnect") {
  StoreServer server({}, StoreServer::Serves::one_job);
  make_tcp_store(options_for(server))->set("key", "kept");
  CHECK(server.wait_until_left(kAmple));
  CHECK(make_tcp_store(options_for(server))->get("key") == "kept");
}

TEST_CASE("wait_until_left waits for the last client") {
  StoreServer server({}, StoreServer::Serves::one_job);
  CHECK(server.wait_until_left(0ms));
  auto store = make_tcp_store(options_for(server));
  CHECK(!server.wait_until_left(kBrief));
  store.reset();
  CHECK(server.wait_until_left(kAmple));
}

TEST_CASE("interrupting signals do not end a wait") {
  struct sigaction action {
  }, before{};
  action.sa_handler = [](int) {};
  REQUIRE(::sigaction(SIGUSR1, &action, &before) == 0);
  StoreServer server({}, StoreServer::Serves::one_job);
  const auto store = make_tcp_store(options_for(server));
  std::string got;
  std::thread waiting([&] { got = store->get("key"); });
  const auto other = make_tcp_store(options_for(server));
  for (int i = 0; i < 50; ++i) {
    ::pthread_kill(waiting.native_handle(), SIGUSR1);
    other->set("other", "");
  }
  other->set("key", "value");
  waiting.join();
  CHECK(got == "value");
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_CASE("many clients may share one event loop") {
  StoreServer server({}, StoreServer::Serves::one_job);
  const auto loop = std::make_shared<EventLoop>();
  check_none(errors_of_threads(8, [&](int rank) {
    const auto store = store::connect_tcp_store(options_for(server), process_of(rank), loop);
    store->barrier("meet", 8);
    CHECK(store->add("count", 1) > 0);
  }));
}

TEST_CASE("destroyed stores and servers leave no open descriptors") {
  harness::leaving_nothing([] {
    for (int i = 0; i < 3; ++i) {
      StoreServer server({}, StoreServer::Serves::one_job);
      const auto a = make_tcp_store(options_for(server)), b = make_tcp_store(options_for(server));
      a->set("key", "");
      CHECK(b->get("key").empty());
    }
  });
}

TEST_CASE("descriptors are closed on exec") {
  const std::set<int> before = harness::open_descriptors();
  StoreServer server({}, StoreServer::Serves::one_job);
  const auto store = make_tcp_store(options_for(server));
  store->set("key", "");
  for (const int fd : harness::open_descriptors()) {
    const int flags = ::fcntl(fd, F_GETFD);
    if (!before.contains(fd) && flags >= 0) CHECK_MESSAGE((flags & FD_CLOEXEC) != 0, fd);
  }
}

TEST_CASE("in a forked child every call fails and the parent's connection keeps working") {
  StoreServer server({}, StoreServer::Serves::one_job);
  auto store = make_tcp_store(options_for(server));
  const pid_t child = ::fork();
  if (child == 0) {
    int result = 1;
    try {
      store->set("key", "from the child");
    } catch (const Error& error) {
      result = error.code() == Errc::finished ? 0 : 2;
    }
    store.reset();
    ::_exit(result);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  store->set("key", "");
}

}  // namespace
}  // namespace symmem
