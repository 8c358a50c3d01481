// SPDX-License-Identifier: Apache-2.0
// Tests of TCP stores and members that are lost because they close or send nothing.
#include <algorithm>
#include <atomic>
#include <future>

#include "raw_member.hpp"
#include "store/handshake.hpp"
#include "stores.hpp"

namespace symmem {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a store is lost when its server closes: calls fail and listeners are called once") {
  std::optional<StoreServer> server(std::in_place, TcpStoreOptions{}, StoreServer::Serves::one_job);
  const auto store = make_tcp_store(options_for(*server));
  const auto recorder = std::make_shared<Recorder>();
  const Membership group = store->join(join_of(0, 1), recorder);
  auto waiting = std::async(std::launch::async,
                            [&] { return error_of([&] { store->get("never", kAmple); }); });
  store->set("key", "");
  server.reset();
  check_error(waiting.get(), Errc::store_lost, {"is lost"});
  CHECK(recorder->received("store "));
  check_error([&] { store->set("key", ""); }, Errc::store_lost);
  check_error([&] { store->gather(group, "key", ""); }, Errc::store_lost);
  store->leave(group);
  CHECK(recorder->lines().size() == 1);
}

/// A client store and the socket of its server, which completes the handshake and then sends
/// nothing.
struct MuteServer {
  RawSocket socket;
  std::shared_ptr<KeyValueStore> store;
};

MuteServer connect_to_mute(TcpStoreOptions options) {
  const Fd listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  REQUIRE(::bind(listening.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
  REQUIRE(::listen(listening.get(), 1) == 0);
  ::getsockname(listening.get(), reinterpret_cast<sockaddr*>(&address), &length);
  auto serving = std::async(std::launch::async, [&] {
    RawSocket peer(Fd(::accept(listening.get(), nullptr, nullptr)));
    store::ServerHandshake handshake("");
    store::FrameReader frames(store::kMaxHandshakeBytes);
    for (bool done = false; !done;) {
      const std::string bytes = peer.receive();
      const auto space = frames.space();
      frames.filled(bytes.copy(space.data(), space.size()));
      while (const auto frame = frames.next()) {
        const auto challenge = handshake.accept(*frame);
        std::string out;
        if (challenge)
          store::append_frame(out, store::Kind::challenge, 0, *challenge);
        else
          store::append_frame(out, store::Kind::welcome, 0, store::encode_welcome({}));
        peer.send(out);
        done = !challenge;
      }
    }
    return peer;
  });
  options.port = ntohs(address.sin_port);
  auto store = make_tcp_store(options);
  return {serving.get(), std::move(store)};
}

TEST_CASE("a store is lost if its server sends nothing for the liveness time") {
  TcpStoreOptions options;
  options.timeout = kAmple;
  options.liveness = 100ms;
  const MuteServer mute = connect_to_mute(options);
  check_error([&] { mute.store->get("key", kAmple); }, Errc::store_lost, {"100 ms"});
}

TEST_CASE("a call ends soon after its deadline, even with a long liveness time") {
  TcpStoreOptions options;
  options.timeout = options.liveness = kAmple;
  const MuteServer mute = connect_to_mute(options);
  check_error([&] { mute.store->get("key", kBrief); }, Errc::store_lost,
              {"did not answer get within 5000 ms after its deadline"});
}

/// Records whether store_lost is called before the callers of the store receive their error.
class BeforeCallers : public GroupListener {
 public:
  std::vector<std::shared_future<std::optional<Error>>> callers;
  std::atomic<bool> called_first{false};
  void member_gone(int, Departure, const std::string&) override {}
  void store_lost(const std::string&) override {
    called_first = std::all_of(callers.begin(), callers.end(), [](const auto& caller) {
      return caller.wait_for(kBrief) == std::future_status::timeout;
    });
  }
};

TEST_CASE("listeners are called before the callers receive the error of a lost store") {
  auto server = std::make_optional<StoreServer>(TcpStoreOptions{}, StoreServer::Serves::one_job);
  const auto store = make_tcp_store(options_for(*server));
  const auto listener = std::make_shared<BeforeCallers>();
  // One caller reads the end of the connection; the others are woken.
  for (int i = 0; i < 3; ++i)
    listener->callers.push_back(std::async(
        std::launch::async, [&] { return error_of([&] { store->get("never", kAmple); }); }));
  store->join(join_of(0, 1), listener);
  server.reset();
  for (const auto& caller : listener->callers) check_error(caller.get(), Errc::store_lost);
  CHECK(listener->called_first);
}

TEST_CASE("a member that sends nothing for its liveness time is lost") {
  StoreServer server({}, StoreServer::Serves::one_job);
  const auto store = make_tcp_store(options_for(server));
  TcpStoreOptions brief = options_for(server);
  brief.liveness = 100ms;
  auto silent = store::connect(brief, process_of(1), Deadline::in(kAmple, kAmple));
  std::string join;
  store::append_frame(join, store::Kind::join, 1,
                      store::encode(store::Request{.kind = store::Kind::join,
                                                   .timeout = kAmple,
                                                   .keys = {"world"},
                                                   .values = {"host1"},
                                                   .numbers = {1, 2, 1001, 78}}));
  RawSocket socket(std::move(silent.socket));
  socket.send(join);
  // The member may be lost before or after the group is complete; both cases fail the collective.
  check_error(
      [&] {
        const Membership group = store->join(join_of(0, 2), nullptr, kAmple);
        store->gather(group, "key", "", kAmple);
      },
      Errc::peer_lost, {"rank 1 (host host1, pid 1001)", "nothing was received"});
}

TEST_CASE("a client that only pings is not lost") {
  StoreServer server({}, StoreServer::Serves::one_job);
  TcpStoreOptions options = options_for(server);
  // This time is long enough for pings on a loaded machine, but shorter than the wait below.
  options.liveness = 5s;
  const auto store = make_tcp_store(options);
  const auto other = make_tcp_store(options_for(server));
  check_error([&] { other->get("never", 6s); }, Errc::timeout);
  store->set("key", "");
}

}  // namespace
}  // namespace symmem
