// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <filesystem>
#include <random>

#include "faults/faults.hpp"
#include "faults/socket_folder.hpp"
#include "fd_service/unix_socket.hpp"

using namespace symmem;
using namespace symmem::faults;

namespace {

/// A buffer of this size has a block of its own, so that each rendezvous requests descriptors from
/// the peers' sockets.
constexpr std::size_t kOwnBlock = 4 << 20;

/// Works in rounds until the test has ended its attack, then runs one more round.
void work_under_attack(RankProcess& self) {
  leaving_nothing([&] {
    Context context;
    Shared shared(context);
    arrive(self, "working");
    for (std::int64_t over = 0; over == 0;) {
      Shared again(context, kWorld, kOwnBlock);
      // All ranks must end in the same round: rank 0 decides and sends the result.
      if (self.rank == 0) over = self.control.check({"over"}) ? 1 : 0;
      shared.memory->barrier();
      if (self.rank == 0)
        for (int peer = 1; peer < self.world_size; ++peer)
          shared.memory->put_with_signal(peer, 0, std::span(&over, 1), 2);
      if (self.rank != 0) {
        shared.memory->wait_signal(0, 2);
        over = *shared.own<std::int64_t>();
      }
      again.memory->close();
    }
    context.end_group(kWorld);
  });
}

/// Returns the messages that the attackers send, one on each connection.
std::vector<std::string> junk() {
  std::mt19937 random(4711);
  std::vector<std::string> all{
      "",
      "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
      // A TLS ClientHello: record header, handshake header, version.
      std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + std::string(500, 'r'),
      std::string(16, '\xff'),
      std::string(15, '\0'),
      std::string("SYMMFDQ1") + std::string(16, 't'),
      std::string("SYMMFDQ1") + std::string(15, 't'),
      std::string("SYMMFDQ1") + std::string(17, 't'),
      std::string(100'000, 'x'),
  };
  for (int i = 0; i < 40; ++i) {
    std::string& bytes = all.emplace_back(1 + random() % 300, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
  }
  return all;
}

Fd connect_tcp(std::uint16_t port) {
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
  return socket;
}

/// Returns a socket connected to `path`, or an empty Fd if the listen queue is full.
Fd connect_unix(const std::string& path) {
  Fd socket = make_unix_socket();
  const UnixAddress to(path);
  return ::connect(socket.get(), to.get(), to.length) == 0 ? std::move(socket) : Fd();
}

void send_junk(const Fd& socket, const std::string& bytes) {
  // The receiver may have closed the connection.
  static_cast<void>(::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
}

}  // namespace

TEST_CASE("junk at the store's port does not affect the job") {
  Ranks ranks(3, work_under_attack);
  await_all(ranks.control(), "working", {0, 1, 2});
  const std::uint16_t port = parse_store_url(ranks.store_url()).value().port;
  std::vector<Fd> kept;
  for (const std::string& bytes : junk()) {
    send_junk(connect_tcp(port), bytes);
    send_junk(kept.emplace_back(connect_tcp(port)), bytes);
  }
  for (int i = 0; i < 300; ++i) kept.push_back(connect_tcp(port));
  ranks.control().set("over", "");
  expect_survivors(ranks, 3);
}

TEST_CASE("junk at the descriptor sockets does not affect the job") {
  const SocketFolder folder;
  Ranks ranks(3, work_under_attack, folder.settings());
  await_all(ranks.control(), "working", {0, 1, 2});
  const std::vector<std::string> sockets = folder.files();
  CHECK(sockets.size() == 3);
  std::vector<Fd> kept;
  for (const std::string& path : sockets) {
    for (const std::string& bytes : junk()) {
      send_junk(connect_unix(path), bytes);
      send_junk(kept.emplace_back(connect_unix(path)), bytes);
    }
    // More connections than a rank serves at once: ranks wait until the silent ones are dropped.
    for (int i = 0; i < 300; ++i) kept.push_back(connect_unix(path));
  }
  ranks.control().set("over", "");
  expect_survivors(ranks, 3);
  CHECK(folder.files().empty());
}
