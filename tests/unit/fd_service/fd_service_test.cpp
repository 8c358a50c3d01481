// SPDX-License-Identifier: Apache-2.0
#include "fd_service/fd_service.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "fd_service/fd_message.hpp"
#include "fd_service/unix_socket.hpp"
#include "harness/errors.hpp"
#include "harness/rank_threads.hpp"
#include "harness/resources.hpp"

using namespace symmem;
using namespace symmem::harness;
namespace fs = std::filesystem;

namespace {

constexpr std::chrono::seconds kAmple{60};

Fd make_file(const std::string& text) {
  Fd file(::memfd_create("offered", MFD_CLOEXEC));
  REQUIRE(::pwrite(file.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  return file;
}

std::string text_of(const Fd& file) {
  char bytes[64];
  const ssize_t got = ::pread(file.get(), bytes, sizeof bytes, 0);
  return std::string(bytes, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
}

Fd connect_to(const std::string& address) {
  Fd socket = make_unix_socket();
  const UnixAddress to(address);
  REQUIRE(::connect(socket.get(), to.get(), to.length) == 0);
  return socket;
}

/// RAII object that owns a temporary directory.
struct Directory {
  Directory() { path = ::mkdtemp(pattern); }
  ~Directory() { fs::remove_all(path); }
  char pattern[32] = "/tmp/symmem-fds-XXXXXX";
  std::string path;
};

/// A fake service that accepts one client, receives its request and calls `answer`.
struct Impostor {
  explicit Impostor(const std::function<void(int socket)>& answer) {
    const UnixAddress at(address);
    REQUIRE(::bind(listener.get(), at.get(), at.length) == 0);
    REQUIRE(::listen(listener.get(), 1) == 0);
    ::fcntl(listener.get(), F_SETFL, 0);
    thread = std::thread([this, answer] {
      const Fd client(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      receive_with_fd(client.get(), 100);
      answer(client.get());
    });
  }
  ~Impostor() { thread.join(); }
  const std::string address = "@symmem-impostor-" + std::to_string(::getpid());
  Fd listener = make_unix_socket();
  std::thread thread;
};

/// RAII object that leaves `left` free descriptors in this process.
class ScarceDescriptors {
 public:
  explicit ScarceDescriptors(std::size_t left) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit lower{std::min<rlim_t>(before_.rlim_cur, 200), before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &lower) == 0);
    while (Fd one{::fcntl(0, F_DUPFD_CLOEXEC, 0)}) taken_.push_back(std::move(one));
    REQUIRE(taken_.size() > left);
    taken_.resize(taken_.size() - left);
  }
  ~ScarceDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  ScarceDescriptors(const ScarceDescriptors&) = delete;
  ScarceDescriptors& operator=(const ScarceDescriptors&) = delete;

 private:
  rlimit before_{};
  std::vector<Fd> taken_;
};

const std::string kAnyToken(fd_message::kTokenBytes, 't');

}  // namespace

TEST_CASE("each request with a valid token receives the descriptor, which is close-on-exec") {
  EventLoop loop;
  FdService service(loop, "");
  CHECK(service.address().starts_with("@symmem-"));
  const Fd one = make_file("one"), two = make_file("two");
  const auto first = service.offer(one.get()), second = service.offer(two.get());
  CHECK(first->token() != second->token());
  for (int i = 0; i < 3; ++i) {
    const Fd got = fetch_fd(service.address(), first->token(), kAmple);
    CHECK(text_of(got) == "one");
    CHECK((::fcntl(got.get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(text_of(fetch_fd(service.address(), second->token(), kAmple)) == "two");
  }
}

TEST_CASE("an unknown token and the token of a destroyed ticket are refused") {
  EventLoop loop;
  FdService service(loop, "");
  const Fd file = make_file("it");
  auto ticket = service.offer(file.get());
  const std::string token = ticket->token();
  check_error([&] { fetch_fd(service.address(), kAnyToken, kAmple); }, Errc::refused,
              {service.address(), "unknown or expired token"});
  check_error([&] { fetch_fd(service.address(), token + "x", kAmple); }, Errc::refused);
  check_error([&] { fetch_fd(service.address(), "", kAmple); }, Errc::refused);
  ticket.reset();
  check_error([&] { fetch_fd(service.address(), token, kAmple); }, Errc::refused,
              {"unknown or expired token"});
}

TEST_CASE("a client that sends junk is disconnected, and other clients are not affected") {
  EventLoop loop;
  FdService service(loop, "");
  const Fd file = make_file("it");
  const auto ticket = service.offer(file.get());
  const Resources before = Resources::now();
  for (const std::string& junk :
       {std::string("x"), std::string(100'000, 'j'), std::string("SYMMFDQ1"),
        "SYMMFDQ2" + ticket->token(), "SYMMFDQ1" + ticket->token() + "x"}) {
    const Fd socket = connect_to(service.address());
    // The attached descriptor must not leak in the service.
    CHECK(send_with_fd(socket.get(), junk, file.get()));
    loop.run([] {});
    CHECK(text_of(fetch_fd(service.address(), ticket->token(), kAmple)) == "it");
    Received reply = receive_with_fd(socket.get(), 100);
    CHECK_FALSE(reply.fd);
  }
  connect_to(service.address());  // This client disconnects without a request.
  CHECK(text_of(fetch_fd(service.address(), ticket->token(), kAmple)) == "it");
  CHECK(before.changes() == "");
}

TEST_CASE("each of many concurrent clients receives the descriptor") {
  EventLoop loop;
  FdService service(loop, "");
  const Fd file = make_file("it");
  const auto ticket = service.offer(file.get());
  const auto errors = errors_of_threads(16, [&](int) {
    for (int i = 0; i < 50; ++i)
      if (text_of(fetch_fd(service.address(), ticket->token(), kAmple)) != "it")
        FAIL_CHECK("not the requested descriptor");
  });
  for (const auto& error : errors)
    if (error) FAIL_CHECK(std::string(error->what()));
}

TEST_CASE("a client is served although more silent clients than the limit are connected") {
  EventLoop loop;
  FdService service(loop, "");
  const Fd file = make_file("it");
  const auto ticket = service.offer(file.get());
  std::vector<Fd> silent;
  for (int i = 0; i < 300; ++i) silent.push_back(connect_to(service.address()));
  CHECK(text_of(fetch_fd(service.address(), ticket->token(), kAmple)) == "it");
}

TEST_CASE("a service without free descriptors refuses requests, and recovers later") {
  EventLoop loop;
  FdService service(loop, "");
  const Fd file = make_file("it");
  const auto ticket = service.offer(file.get());
  // UBSan opens descriptors when it checks a type for the first time. Therefore cause one error
  // before descriptors are scarce.
  check_error([&] { fetch_fd(service.address(), kAnyToken, kAmple); }, Errc::refused);
  loop.run([] {});  // Wait until the service has closed the connection.
  {
    const ScarceDescriptors scarce(1);  // The socket of the client needs one descriptor.
    for (int i = 0; i < 3; ++i)
      check_error([&] { fetch_fd(service.address(), ticket->token(), kAmple); }, Errc::exhausted,
                  {service.address(), "refused", "RLIMIT_NOFILE"});
  }
  CHECK(text_of(fetch_fd(service.address(), ticket->token(), kAmple)) == "it");
}

TEST_CASE("a ticket that outlives its service leaks no resources") {
  const Resources before = Resources::now();
  {
    EventLoop loop;
    std::unique_ptr<FdService::Ticket> ticket;
    const Fd file = make_file("it");
    std::string address, token;
    {
      FdService service(loop, "");
      ticket = service.offer(file.get());
      address = service.address(), token = ticket->token();
      const Fd waiting = connect_to(address);
      CHECK(fetch_fd(address, token, kAmple));
    }
    check_error([&] { fetch_fd(address, token, kAmple); }, Errc::refused,
                {"no process serves", address, "SYMMEM_SOCKET_DIR"});
  }
  CHECK(before.changes() == "");
}

TEST_CASE("fetch_fd fails if the service closes the connection, sends junk, refuses or is silent") {
  const auto answer = [](const std::function<void(int)>& respond, Errc code,
                         const std::string& part, std::chrono::milliseconds timeout = kAmple) {
    Impostor impostor(respond);
    check_error([&] { fetch_fd(impostor.address, kAnyToken, timeout); }, code,
                {impostor.address, part});
  };
  answer([](int) {}, Errc::refused, "closed the connection");
  answer([](int socket) { send_with_fd(socket, "HTTP/1.1 200", -1); }, Errc::refused,
         "closed the connection");
  answer([](int socket) { send_with_fd(socket, "SYMMFDR1not yours", -1); }, Errc::refused,
         "refused: not yours");
  answer([](int socket) { receive_with_fd(socket, 1); }, Errc::timeout,
         "did not answer within 30 ms", std::chrono::milliseconds(30));
}

TEST_CASE("a service creates its socket in the given directory and removes it on destruction") {
  const Directory directory;
  const std::string inner = directory.path + "/made";
  EventLoop loop;
  {
    FdService service(loop, inner);
    struct stat info {};
    REQUIRE(::stat(inner.c_str(), &info) == 0);
    CHECK((info.st_mode & 07777) == 0700);
    CHECK(service.address().starts_with(inner + "/symmem-"));
    const Fd file = make_file("it");
    const auto ticket = service.offer(file.get());
    CHECK(text_of(fetch_fd(service.address(), ticket->token(), kAmple)) == "it");
  }
  CHECK(fs::is_empty(inner));
}

TEST_CASE("a new service removes dead sockets, but neither live sockets nor other files") {
  const Directory directory;
  EventLoop loop;
  const FdService live(loop, directory.path);
  const std::string dead = directory.path + "/symmem-dead.sock";
  {
    const Fd socket = make_unix_socket();
    const UnixAddress at(dead);
    REQUIRE(::bind(socket.get(), at.get(), at.length) == 0);
    REQUIRE(::listen(socket.get(), 1) == 0);
  }
  // Sockets of two processes that have not called listen: `unserved` is old, so its process was
  // killed; `fresh` is new, so its process may still call listen.
  const std::string unserved = directory.path + "/symmem-old.sock.new";
  const std::string fresh = directory.path + "/symmem-fresh.sock.new";
  for (const std::string& path : {unserved, fresh}) {
    const Fd socket = make_unix_socket();
    const UnixAddress at(path);
    REQUIRE(::bind(socket.get(), at.get(), at.length) == 0);
  }
  fs::last_write_time(unserved, fs::file_time_type::clock::now() - std::chrono::hours(1));
  std::ofstream(directory.path + "/notes.txt") << "mine";
  const FdService service(loop, directory.path);
  CHECK_FALSE(fs::exists(dead));
  CHECK_FALSE(fs::exists(unserved));
  CHECK(fs::exists(fresh));
  CHECK(fs::exists(live.address()));
  CHECK(fs::exists(directory.path + "/notes.txt"));
}

TEST_CASE(
    "a directory that other users can access, a file and a path that is too long are refused") {
  const Directory directory;
  EventLoop loop;
  const auto serve = [&](const std::string& path) {
    return [&loop, path] { FdService(loop, path); };
  };
  const std::string open = directory.path + "/open", file = directory.path + "/file";
  fs::create_directory(open);
  REQUIRE(::chmod(open.c_str(), 0755) == 0);
  check_error(serve(open), Errc::invalid_argument, {"SYMMEM_SOCKET_DIR", open, "0700", "755"});
  std::ofstream{file};
  check_error(serve(file), Errc::invalid_argument, {"SYMMEM_SOCKET_DIR", file});
  check_error(serve(directory.path + "/no/such"), Errc::internal, {"SYMMEM_SOCKET_DIR", "mkdir"});
  check_error(serve(directory.path + "/" + std::string(100, 'l')), Errc::invalid_argument, {"107"});
}
