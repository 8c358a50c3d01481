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

/// A folder that goes with the test.
struct Folder {
  Folder() { path = ::mkdtemp(pattern); }
  ~Folder() { fs::remove_all(path); }
  char pattern[32] = "/tmp/symmem-fds-XXXXXX";
  std::string path;
};

/// A service that is not ours: accepts one asker, takes its request, and does `answer`.
struct Impostor {
  explicit Impostor(const std::function<void(int socket)>& answer) {
    const UnixAddress at(address);
    REQUIRE(::bind(listener.get(), at.get(), at.length) == 0);
    REQUIRE(::listen(listener.get(), 1) == 0);
    ::fcntl(listener.get(), F_SETFL, 0);
    thread = std::thread([this, answer] {
      const Fd asker(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      receive_with_fd(asker.get(), 100);
      answer(asker.get());
    });
  }
  ~Impostor() { thread.join(); }
  const std::string address = "@symmem-impostor-" + std::to_string(::getpid());
  Fd listener = make_unix_socket();
  std::thread thread;
};

/// While it lives this process can open `left` more descriptors.
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

TEST_CASE("who names the token gets the descriptor, close-on-exec, as often as it asks") {
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

TEST_CASE("a wrong token, or one whose offer is over, is refused") {
  EventLoop loop;
  FdService service(loop, "");
  const Fd file = make_file("it");
  auto ticket = service.offer(file.get());
  const std::string token = ticket->token();
  check_error([&] { fetch_fd(service.address(), kAnyToken, kAmple); }, Errc::refused,
              {service.address(), "no such memory"});
  check_error([&] { fetch_fd(service.address(), token + "x", kAmple); }, Errc::refused);
  check_error([&] { fetch_fd(service.address(), "", kAmple); }, Errc::refused);
  ticket.reset();
  check_error([&] { fetch_fd(service.address(), token, kAmple); }, Errc::refused,
              {"no such memory (any more)"});
}

TEST_CASE("junk from an asker closes its connection and disturbs nobody") {
  EventLoop loop;
  FdService service(loop, "");
  const Fd file = make_file("it");
  const auto ticket = service.offer(file.get());
  const Resources before = Resources::now();
  for (const std::string& junk :
       {std::string("x"), std::string(100'000, 'j'), std::string("SYMMFDQ1"),
        "SYMMFDQ2" + ticket->token(), "SYMMFDQ1" + ticket->token() + "x"}) {
    const Fd socket = connect_to(service.address());
    // With a descriptor, which the service must not keep.
    CHECK(send_with_fd(socket.get(), junk, file.get()));
    loop.run([] {});
    CHECK(text_of(fetch_fd(service.address(), ticket->token(), kAmple)) == "it");
    Received reply = receive_with_fd(socket.get(), 100);
    CHECK_FALSE(reply.fd);
  }
  connect_to(service.address());  // And one that goes without a word.
  CHECK(text_of(fetch_fd(service.address(), ticket->token(), kAmple)) == "it");
  CHECK(before.changes() == "");
}

TEST_CASE("many askers at once all get theirs") {
  EventLoop loop;
  FdService service(loop, "");
  const Fd file = make_file("it");
  const auto ticket = service.offer(file.get());
  const auto errors = errors_of_threads(16, [&](int) {
    for (int i = 0; i < 50; ++i)
      if (text_of(fetch_fd(service.address(), ticket->token(), kAmple)) != "it")
        FAIL_CHECK("not the descriptor that was asked for");
  });
  for (const auto& error : errors)
    if (error) FAIL_CHECK(std::string(error->what()));
}

TEST_CASE("silent askers, more than are served at once, keep nobody out for good") {
  EventLoop loop;
  FdService service(loop, "");
  const Fd file = make_file("it");
  const auto ticket = service.offer(file.get());
  std::vector<Fd> silent;
  for (int i = 0; i < 300; ++i) silent.push_back(connect_to(service.address()));
  CHECK(text_of(fetch_fd(service.address(), ticket->token(), kAmple)) == "it");
}

TEST_CASE("a service that is out of descriptors says so, and serves again when it has some") {
  EventLoop loop;
  FdService service(loop, "");
  const Fd file = make_file("it");
  const auto ticket = service.offer(file.get());
  // UBSan needs descriptors to look at a type for the first time, as in the making of a message.
  check_error([&] { fetch_fd(service.address(), kAnyToken, kAmple); }, Errc::refused);
  loop.run([] {});  // By then that asker's descriptor is closed.
  {
    const ScarceDescriptors scarce(1);  // For the asker's socket.
    for (int i = 0; i < 3; ++i)
      check_error([&] { fetch_fd(service.address(), ticket->token(), kAmple); }, Errc::exhausted,
                  {service.address(), "refused", "RLIMIT_NOFILE"});
  }
  CHECK(text_of(fetch_fd(service.address(), ticket->token(), kAmple)) == "it");
}

TEST_CASE("an end of the service, its loop and its tickets in any order leaves nothing") {
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
                {"nobody serves", address, "SYMMEM_SOCKET_DIR"});
  }
  CHECK(before.changes() == "");
}

TEST_CASE("an other end that dies, talks junk, refuses or is silent is an error that says so") {
  const auto answer = [](const std::function<void(int)>& say, Errc code, const std::string& part,
                         std::chrono::milliseconds timeout = kAmple) {
    Impostor impostor(say);
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

TEST_CASE("with a folder, the socket is a path in it that goes with the service") {
  const Folder folder;
  const std::string inner = folder.path + "/made";
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

TEST_CASE("dead sockets in the folder are removed, living ones and strange files are not") {
  const Folder folder;
  EventLoop loop;
  const FdService living(loop, folder.path);
  const std::string dead = folder.path + "/symmem-dead.sock";
  {
    const Fd socket = make_unix_socket();
    const UnixAddress at(dead);
    REQUIRE(::bind(socket.get(), at.get(), at.length) == 0);
    REQUIRE(::listen(socket.get(), 1) == 0);
  }
  // What a process leaves that is killed before its socket is served; one may be about to be.
  const std::string unserved = folder.path + "/symmem-old.sock.new";
  const std::string fresh = folder.path + "/symmem-fresh.sock.new";
  for (const std::string& path : {unserved, fresh}) {
    const Fd socket = make_unix_socket();
    const UnixAddress at(path);
    REQUIRE(::bind(socket.get(), at.get(), at.length) == 0);
  }
  fs::last_write_time(unserved, fs::file_time_type::clock::now() - std::chrono::hours(1));
  std::ofstream(folder.path + "/notes.txt") << "mine";
  const FdService service(loop, folder.path);
  CHECK_FALSE(fs::exists(dead));
  CHECK_FALSE(fs::exists(unserved));
  CHECK(fs::exists(fresh));
  CHECK(fs::exists(living.address()));
  CHECK(fs::exists(folder.path + "/notes.txt"));
}

TEST_CASE("a folder that others can enter, a file, or too long a path is refused") {
  const Folder folder;
  EventLoop loop;
  const auto serve = [&](const std::string& path) {
    return [&loop, path] { FdService(loop, path); };
  };
  const std::string open = folder.path + "/open", file = folder.path + "/file";
  fs::create_directory(open);
  REQUIRE(::chmod(open.c_str(), 0755) == 0);
  check_error(serve(open), Errc::invalid_argument, {"SYMMEM_SOCKET_DIR", open, "0700", "755"});
  std::ofstream{file};
  check_error(serve(file), Errc::invalid_argument, {"SYMMEM_SOCKET_DIR", file});
  check_error(serve(folder.path + "/no/such"), Errc::internal, {"SYMMEM_SOCKET_DIR", "mkdir"});
  check_error(serve(folder.path + "/" + std::string(100, 'l')), Errc::invalid_argument, {"107"});
}
