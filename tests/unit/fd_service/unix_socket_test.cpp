// SPDX-License-Identifier: Apache-2.0
#include "fd_service/unix_socket.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <cstring>
#include <vector>

#include "harness/errors.hpp"
#include "harness/resources.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

struct Pair {
  Pair() {
    int both[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, both) == 0);
    a = Fd(both[0]), b = Fd(both[1]);
  }
  Fd a, b;
};

/// Sends any number of descriptors in one message, as another program might.
void send_many(int socket, const std::vector<int>& fds) {
  char byte = 'x';
  iovec part{&byte, 1};
  std::vector<char> control(CMSG_SPACE(fds.size() * sizeof(int)));
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
  std::memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
  REQUIRE(::sendmsg(socket, &message, 0) == 1);
}

}  // namespace

TEST_CASE("an address is a path or an abstract name of 1 to 107 bytes") {
  CHECK(UnixAddress("/tmp/x").length == offsetof(sockaddr_un, sun_path) + 7);
  const UnixAddress name("@x");
  CHECK(name.length == offsetof(sockaddr_un, sun_path) + 2);
  CHECK(name.address.sun_path[0] == '\0');
  CHECK_NOTHROW(UnixAddress(std::string(107, 'p')));
  check_error([] { UnixAddress(std::string(108, 'p')); }, Errc::invalid_argument,
              {"108 bytes", "107"});
  check_error([] { UnixAddress(""); }, Errc::invalid_argument, {"0 bytes"});
}

TEST_CASE("a message is received whole with its descriptor, which is close-on-exec") {
  const Pair pair;
  const Fd sent(::memfd_create("sent", 0));
  REQUIRE(::pwrite(sent.get(), "hello", 5, 0) == 5);
  CHECK(send_with_fd(pair.a.get(), "first", sent.get()));
  CHECK(send_with_fd(pair.a.get(), "second", -1));
  const Received first = receive_with_fd(pair.b.get(), 100);
  CHECK(first.bytes == "first");
  REQUIRE(first.fd);
  CHECK((::fcntl(first.fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
  char bytes[5];
  REQUIRE(::pread(first.fd.get(), bytes, 5, 0) == 5);
  CHECK(std::string(bytes, 5) == "hello");
  const Received second = receive_with_fd(pair.b.get(), 100);
  CHECK(second.bytes == "second");
  CHECK_FALSE(second.fd);
}

TEST_CASE("receive_with_fd returns an empty message if the queue is empty or the peer has closed") {
  Pair pair;
  CHECK(receive_with_fd(pair.b.get(), 100).bytes.empty());
  pair.a = Fd();
  CHECK(receive_with_fd(pair.b.get(), 100).bytes.empty());
  CHECK_FALSE(send_with_fd(pair.b.get(), "lost", -1));  // The send raises no SIGPIPE.
}

TEST_CASE("a message longer than the limit is truncated, not split in two") {
  const Pair pair;
  CHECK(send_with_fd(pair.a.get(), std::string(50, 'l'), -1));
  CHECK(send_with_fd(pair.a.get(), "next", -1));
  CHECK(receive_with_fd(pair.b.get(), 10).bytes == std::string(10, 'l'));
  CHECK(receive_with_fd(pair.b.get(), 10).bytes == "next");
}

TEST_CASE("surplus descriptors of a message are closed") {
  const Pair pair;
  const Fd file(::memfd_create("many", MFD_CLOEXEC));
  const Resources before = Resources::now();
  for (const std::size_t count : {1u, 2u, 3u, 50u}) {
    send_many(pair.a.get(), std::vector<int>(count, file.get()));
    CHECK(receive_with_fd(pair.b.get(), 100).bytes == "x");
  }
  CHECK(before.changes() == "");
}

TEST_CASE(
    "receive_with_fd reports a dropped descriptor if the process has reached its descriptor "
    "limit") {
  const Pair pair;
  const Fd file(::memfd_create("one", MFD_CLOEXEC));
  CHECK(send_with_fd(pair.a.get(), "message", file.get()));
  rlimit limit{}, before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  limit = before;
  limit.rlim_cur = 0;  // Descriptors that are already open stay open.
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  const Received received = receive_with_fd(pair.b.get(), 100);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(received.bytes == "message");
  CHECK_FALSE(received.fd);
  CHECK(received.cut);
}

TEST_CASE("same_user returns true for a socket pair of this process and false for a file") {
  const Pair pair;
  CHECK(same_user(pair.a.get()));
  const Fd file(::memfd_create("none", MFD_CLOEXEC));
  CHECK_FALSE(same_user(file.get()));
}
