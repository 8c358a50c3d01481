// SPDX-License-Identifier: Apache-2.0
// Tests of the server's address and of its robustness against malformed and excessive input.
#include <sys/resource.h>

#include <fstream>
#include <random>

#include "base/wire.hpp"
#include "raw_member.hpp"
#include "store/handshake.hpp"
#include "stores.hpp"

namespace symmem {
namespace {

using namespace std::chrono_literals;
using store::Kind;

TEST_CASE("the error for a port in use names the port") {
  StoreServer server({}, StoreServer::Serves::one_job);
  TcpStoreOptions options;
  options.port = server.port();
  check_error([&] { StoreServer(options, StoreServer::Serves::one_job); }, Errc::invalid_argument,
              {"port " + std::to_string(server.port()) + " is in use"});
}

TEST_CASE("the error for an address of another host names the address") {
  TcpStoreOptions options;
  options.host = "192.0.2.1";  // RFC 5737 reserves it for documentation.
  options.insecure = true;
  check_error([&] { StoreServer(options, StoreServer::Serves::one_job); }, Errc::invalid_argument,
              {"192.0.2.1 is not an address of this host"});
}

TEST_CASE("a server on a non-loopback address requires a secret or the insecure option") {
  TcpStoreOptions options;
  options.host = "0.0.0.0";
  check_error([&] { StoreServer(options, StoreServer::Serves::one_job); }, Errc::refused,
              {"SYMMEM_SECRET_FILE"});
  options.insecure = true;
  StoreServer(options, StoreServer::Serves::one_job);
  options.insecure = false;
  options.secret = "secret";
  StoreServer(options, StoreServer::Serves::one_job);
}

TEST_CASE("a server may be moved") {
  StoreServer first({}, StoreServer::Serves::one_job);
  StoreServer second = std::move(first);
  make_tcp_store(options_for(second))->set("key", "");
}

/// A server and a member, whose calls must succeed whatever other connections do.
struct ServerWithMember {
  StoreServer server{{}, StoreServer::Serves::one_job};
  std::shared_ptr<KeyValueStore> member = make_tcp_store(options_for(server));
  int calls = 0;
  void check_member() { CHECK(member->add("calls", 1) == ++calls); }
};

TEST_CASE("bytes that are not a frame are refused, and members are not affected") {
  ServerWithMember fixture;
  std::minstd_rand random(7);
  std::string noise(8192, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  const std::string tls("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), tls + noise, noise,
        std::string(64, '\0'), std::string(64, '\xff'),
        std::string("\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n")}) {
    RawSocket socket(fixture.server.port());
    socket.send(bytes);
    const std::string said = socket.receive_all();
    CHECK_MESSAGE((said.empty() || contains(said, "store")), said);
    fixture.check_member();
  }
}

TEST_CASE("a different magic or version is refused with the reason") {
  StoreServer server({}, StoreServer::Serves::one_job);
  for (const bool version : {false, true}) {
    Writer hello;
    hello.put(version ? store::kMagic : std::uint64_t{1}).put(version ? 99u : store::kVersion);
    std::string bytes;
    store::append_frame(bytes, Kind::hello, 0, hello.bytes());
    RawSocket socket(server.port());
    socket.send(bytes);
    CHECK(contains(socket.receive_all(), version ? "version 99" : "does not speak"));
  }
}

TEST_CASE("a request before the handshake is refused") {
  StoreServer server({}, StoreServer::Serves::one_job);
  std::string bytes;
  store::append_frame(bytes, Kind::set, 1, store::encode(store::Request{}));
  RawSocket socket(server.port());
  socket.send(bytes);
  CHECK(contains(socket.receive_all(), "begins with a hello"));
}

TEST_CASE("incomplete frames do not affect members") {
  ServerWithMember fixture;
  std::vector<RawSocket> sockets;
  for (int i = 0; i < 32; ++i) {
    sockets.emplace_back(fixture.server.port());
    sockets.back().send(std::string("\x20\0\0\0\x40", 5));
    fixture.check_member();
  }
}

TEST_CASE(
    "a body that is too short or too long causes an error reply and keeps the connection open") {
  StoreServer server({}, StoreServer::Serves::one_job);
  RawMember member(server);
  const std::string good = store::encode(
      store::Request{.kind = Kind::set, .timeout = 1s, .keys = {"k"}, .values = {"v"}});
  for (std::size_t length = 0; length < good.size(); ++length) {
    member.send(Kind::set, good.substr(0, length));
    CHECK_THROWS_AS(store::decode_reply(member.receive().value()), Error);
  }
  member.send(Kind::set, good + "x");
  CHECK_THROWS_AS(store::decode_reply(member.receive().value()), Error);
  member.send(Kind{77}, good);
  check_error([&] { store::decode_reply(member.receive().value()); }, Errc::invalid_argument,
              {"77"});
  member.send(Kind::set, good);
  CHECK_NOTHROW(store::decode_reply(member.receive().value()));
}

TEST_CASE("a frame that exceeds the limit closes only its own connection") {
  ServerWithMember fixture;
  RawMember member(fixture.server);
  Writer header;
  header.put(std::uint32_t{store::kMaxFrameBytes + 1}).put(std::uint32_t{1}).put(std::uint64_t{1});
  member.socket().send(header.bytes());
  CHECK(contains(member.receive().value_or(""), std::to_string(store::kMaxFrameBytes)));
  CHECK(!member.receive().has_value());
  fixture.check_member();
}

std::size_t resident_bytes() {
  std::size_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * static_cast<std::size_t>(::getpagesize());
}

TEST_CASE("the server allocates no memory for an announced length before it receives the bytes") {
  ServerWithMember fixture;
  const std::size_t before = resident_bytes();
  Writer header;
  header.put(std::uint32_t{store::kMaxFrameBytes}).put(std::uint32_t{1}).put(std::uint64_t{1});
  std::vector<RawMember> members;
  for (int i = 0; i < 16; ++i) {
    members.emplace_back(fixture.server);
    members.back().socket().send(header.bytes() + std::string(100, 'x'));
  }
  for (std::uint32_t count : {0xffffffffu, 0x10000000u}) {
    // Sends a list that announces more entries than its frame can contain.
    RawMember liar(fixture.server);
    liar.send(Kind::get, Writer().put(std::uint64_t{0}).put(count).bytes());
    CHECK_THROWS_AS(store::decode_reply(liar.receive().value()), Error);
  }
  fixture.check_member();
  CHECK(resident_bytes() < before + (64u << 20));
}

std::size_t peak_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) << 10;
}

TEST_CASE("a reply that would be too long causes an error and uses no memory") {
  ServerWithMember fixture;
  fixture.member->set("big", std::string(48 << 20, 'b'));
  const std::size_t before = peak_bytes();
  check_error([&] { fixture.member->multi_get(std::vector<std::string>(40, "big")); },
              Errc::invalid_argument, {"request fewer values"});
  fixture.check_member();
  CHECK(peak_bytes() < before + (256u << 20));
}

TEST_CASE("a list that exceeds the limit of a request is refused before it is stored") {
  Writer body;
  body.put(std::uint64_t{0}).put(std::uint32_t{store::kMaxListEntries + 1});
  for (std::size_t i = 0; i <= store::kMaxListEntries; ++i) body.put(std::string_view());
  store::Request request;
  check_error(
      [&] {
        store::decode({Kind::get, 1, body.bytes()}, request);
      },
      Errc::invalid_argument, {std::to_string(store::kMaxListEntries)});
  CHECK(request.keys.capacity() == 0);
}

TEST_CASE("a client that does not read its replies is paused, and other clients are served") {
  ServerWithMember fixture;
  fixture.member->set("big", std::string(1 << 20, 'b'));
  RawMember greedy(fixture.server);
  const std::string get =
      store::encode(store::Request{.kind = Kind::get, .timeout = 1s, .keys = {"big"}});
  const std::size_t before = resident_bytes();
  for (std::uint64_t i = 0; i < 200; ++i) greedy.send(Kind::get, get, i);
  for (int i = 0; i < 100; ++i) fixture.check_member();
  CHECK(resident_bytes() < before + (128u << 20));
  // Once the client reads, it receives all replies.
  for (int i = 0; i < 200; ++i) {
    const auto reply = greedy.receive();
    REQUIRE(reply.has_value());
    CHECK(reply->size() > 1u << 20);
  }
}

}  // namespace
}  // namespace symmem
