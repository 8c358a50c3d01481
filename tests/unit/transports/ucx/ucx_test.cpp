// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cstring>
#include <future>
#include <thread>

#include "base/deadline.hpp"
#include "base/log.hpp"
#include "blocks/host_block.hpp"
#include "fd_service/fd_service.hpp"
#include "harness/errors.hpp"
#include "harness/network.hpp"
#include "harness/resources.hpp"
#include "ucx/endpoint.hpp"
#include "ucx/engine.hpp"
#include "ucx/factory.hpp"
#include "ucx/handle.hpp"

using namespace symmem;
using namespace symmem::harness;
using symmem::ucx::UcxHandle;

namespace {

constexpr std::chrono::seconds kAmple = std::chrono::seconds(60) * kSlow;

/// The transport ucx of one Context.
struct Side {
  explicit Side(std::uint64_t id, Gpus* with = nullptr) : process{"host", 4, id}, gpus(with) {}
  ~Side() {
    transport->drain(kAmple);
    transport->shutdown();
  }
  Offer<Attachment> attach(const Side& owner, const std::string& handle, BlockId id = {1, 2}) {
    return transport->attach({3, owner.process, "elsewhere"}, id, handle, kAmple);
  }
  Options options = Options::from_env();
  std::string host_id = "host";
  Process process;
  Gpus* gpus;
  EventLoop loop;
  FdService fds{loop, ""};
  Log log{LogLevel::off};
  TransportEnvironment environment{options, host_id, process, fds, log, gpus};
  std::shared_ptr<Transport> transport = symmem::ucx::make_transports(environment).front();
};

struct AmpleWait : Wait {
  void check() override {
    ++checks;
    if (deadline.expired()) throw Error(Errc::timeout, "the operation did not complete in time");
    if (on_check) on_check();
  }
  int checks = 0;
  std::function<void()> on_check;
  Deadline deadline = Deadline::in(kAmple, {});
};

/// An owner with a block whose bytes are all open, and a peer that has attached the block. Each
/// Context allows the other as a sender.
struct Pair {
  Side owner{1}, peer{5};
  std::shared_ptr<Block> block = make_host_block_maker()->make({1, 2}, 1 << 20, 0);
  std::shared_ptr<Block> other = make_host_block_maker()->make({5, 1}, 4096, 0);
  Offer<Export> exported = owner.transport->export_block(block);
  Offer<Export> back = peer.transport->export_block(other);
  Offer<Attachment> attached, unused;

  Pair() {
    REQUIRE_MESSAGE(exported.value, exported.refusal);
    REQUIRE_MESSAGE(back.value, back.refusal);
    block->open.open(0, block->bytes);
    attached = peer.attach(owner, exported.value->handle());
    REQUIRE_MESSAGE(attached.value, attached.refusal);
    unused = owner.attach(peer, back.value->handle(), {5, 1});
    REQUIRE_MESSAGE(unused.value, unused.refusal);
  }
  BlockKey& key() { return *attached.value->key(); }
};

void check_refusal(const Offer<Attachment>& offer, const std::vector<std::string>& parts) {
  CHECK(offer.value == nullptr);
  for (const std::string& part : parts)
    CHECK_MESSAGE(offer.refusal.find(part) != std::string::npos, offer.refusal);
}

}  // namespace

TEST_CASE("put and get with a key access all bytes of a block") {
  if (!can_use_ucx()) return;
  Pair pair;
  AmpleWait wait;
  CHECK(pair.attached.value->pointer() == nullptr);
  CHECK(pair.attached.value->bytes() == pair.block->bytes);
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{4096}, pair.block->bytes}) {
    const std::string sent(bytes, 'x');
    std::string got(bytes, ' ');
    pair.key().put(pair.block->bytes - bytes, sent.data(), bytes, wait);
    pair.key().get(pair.block->bytes - bytes, got.data(), bytes, wait);
    pair.key().flush(wait);
    CHECK(got == sent);
  }
  CHECK(pair.key().atomic(AtomicOp::add, 4, 8, 1, 0, wait) == 0x78787878);
}

TEST_CASE("a packed key can be used with an endpoint that the application creates") {
  if (!can_use_ucx()) return;
  Pair pair;
  AmpleWait wait;
  const std::string known = "as the owner wrote it";
  std::memcpy(pair.block->base + 64, known.data(), known.size());
  const RemoteKey packed = pair.key().packed();
  symmem::ucx::Engine application{Options::from_env(), 77, pair.peer.log};
  auto& endpoint = application.endpoint(pair.owner.process.id, packed.worker);
  ucp_rkey_h key = nullptr;
  REQUIRE(endpoint.unpack(packed.key, key) == UCS_OK);
  std::string got(known.size(), ' ');
  endpoint.read(packed.address + 64, key, got.data(), got.size(), wait);
  CHECK(got == known);
  const auto lock = application.worker().lock();
  application.ucp().rkey_destroy(key);
}

TEST_CASE("flush waits until the target has executed the messages, not only received them") {
  if (!can_use_ucx()) return;
  Pair pair;
  AmpleWait wait;
  pair.key().put(0, "?", 1, wait);
  pair.key().flush(wait);
  // The target's progress thread cannot execute a message while `holder` uses the open range.
  std::promise<void> go, holding;
  std::thread holder([&] {
    pair.block->open.use(0, 1, [&] {
      holding.set_value();
      go.get_future().wait();
    });
  });
  holding.get_future().wait();
  pair.key().put(0, "!", 1, wait);
  wait.checks = 0;
  wait.on_check = [&] {
    if (wait.checks == 3) go.set_value();
  };
  pair.key().flush(wait);
  CHECK(wait.checks >= 3);
  if (wait.checks < 3) go.set_value();
  holder.join();
  CHECK(pair.block->base[0] == std::byte{'!'});
}

TEST_CASE("a get that the target refuses fails at once; a refused put fails at the flush") {
  if (!can_use_ucx()) return;
  Pair pair;
  AmpleWait wait;
  char byte = 'x';
  pair.block->open.close(0, pair.block->bytes);
  pair.key().put(0, &byte, 1, wait);
  check_error([&] { pair.key().flush(wait); }, Errc::refused, {"refused 1 earlier puts"});
  CHECK_NOTHROW(pair.key().flush(wait));
  check_error([&] { pair.key().get(0, &byte, 1, wait); }, Errc::refused, {"refused the get"});
  check_error([&] { pair.key().atomic(AtomicOp::add, 8, 0, 1, 0, wait); }, Errc::refused);
  pair.key().get_nbi(0, &byte, 1, wait);
  check_error([&] { pair.key().flush(wait); }, Errc::refused, {"some earlier gets"});
  CHECK_NOTHROW(pair.key().flush(wait));
  CHECK(pair.block->base[0] == std::byte{0});
  pair.block->open.open(0, pair.block->bytes);
  pair.key().put(0, "y", 1, wait);
  pair.key().get(0, &byte, 1, wait);
  CHECK(byte == 'y');
}

TEST_CASE("attach refuses a handle from another UCX version and names both versions") {
  if (!can_use_ucx()) return;
  Pair pair;
  UcxHandle handle = UcxHandle::decode(pair.exported.value->handle());
  const std::string version = handle.version;
  for (const char* other : {"1.99.0", "1.1", "", "2.13.1", "1.131.0"}) {
    handle.version = other;
    check_refusal(pair.peer.attach(pair.owner, handle.encode()),
                  {"the peer runs UCX", other, version});
  }
}

TEST_CASE(
    "a malformed handle, or a handle of another block or Context, is an error, not a refusal") {
  if (!can_use_ucx()) return;
  Pair pair;
  const std::string handle = pair.exported.value->handle();
  check_error(
      [&] {
        pair.peer.attach(pair.owner, handle, {1, 3});
      },
      Errc::invalid_argument, {"block"});
  check_error(
      [&] {
        pair.peer.attach(pair.owner, handle, {2, 2});
      },
      Errc::invalid_argument, {"block"});
  UcxHandle stale = UcxHandle::decode(handle);
  stale.block.process = 99;
  check_error([&] { pair.peer.attach(pair.owner, stale.encode()); }, Errc::invalid_argument);
  check_error([&] { pair.peer.attach(pair.owner, "junk"); }, Errc::invalid_argument, {"SYMMUCX1"});
}

TEST_CASE("a failure while exporting or attaching is an error, not a refusal") {
  if (!can_use_ucx()) return;
  /// Fails with Errc::unsupported, a code that might be mistaken for a refusal.
  struct FailingGpus : Gpus {
    Gpu& gpu(int) override { throw Error(Errc::unsupported, "as planned"); }
    std::unique_ptr<CaptureGuard> guard_captures() override { return nullptr; }
    void check_memory(const void*, std::size_t, int) override {}
  };
  struct GpuBlock : Block {
    GpuBlock() : Block({5, 1}, nullptr, 4096, {DeviceType::cuda, 0}, -1) {}
  };
  Pair pair;
  FailingGpus failing_gpus;
  Side failing(6, &failing_gpus);
  const PeerInfo owner{3, pair.owner.process, "elsewhere", {DeviceType::cuda, 0}};
  const std::string handle = pair.exported.value->handle();
  check_error(
      [&] {
        failing.transport->attach(owner, {1, 2}, handle, kAmple);
      },
      Errc::unsupported, {"as planned"});
  const auto staged = symmem::ucx::make_transports(failing.environment).back();
  check_error([&] { staged->export_block(std::make_shared<GpuBlock>()); }, Errc::unsupported,
              {"as planned"});
  staged->shutdown();
}

TEST_CASE("attaching a block of a peer that does not answer is an error, not a refusal") {
  if (!can_use_ucx()) return;
  Side owner(1), peer(5);
  const auto block = make_host_block_maker()->make({1, 2}, 4096, 0);
  const Offer<Export> exported = owner.transport->export_block(block);
  REQUIRE(exported.value);
  owner.transport->shutdown();  // The owner's worker still listens, but is not progressed.
  check_error(
      [&] {
        peer.transport->attach({3, owner.process, "elsewhere"}, {1, 2}, exported.value->handle(),
                               std::chrono::milliseconds(50));
      },
      Errc::timeout, {"UCX"});
}

TEST_CASE("attach refuses a block of a peer that UCX cannot reach or whose connection broke") {
  if (!can_use_ucx()) return;
  Side peer(5), stranger(6);
  Offer<Attachment> attached;
  std::string handle;
  {
    Side owner(1);
    const auto block = make_host_block_maker()->make({1, 2}, 4096, 0);
    const Offer<Export> exported = owner.transport->export_block(block);
    REQUIRE(exported.value);
    handle = exported.value->handle();
    attached = peer.attach(owner, handle);
    REQUIRE_MESSAGE(attached.value, attached.refusal);
  }
  check_refusal(peer.attach(Side(1), handle), {"connection to the peer broke"});
  // UCX reports the unreachable peer while it creates the endpoint, or at the first operation.
  check_refusal(stranger.attach(Side(1), handle), {"the peer"});
}

TEST_CASE("attach refuses a handle for other memory than the block, because the token differs") {
  if (!can_use_ucx()) return;
  Pair pair;
  UcxHandle handle = UcxHandle::decode(pair.exported.value->handle());
  handle.bytes -= 4096;
  check_refusal(pair.peer.attach(pair.owner, handle.encode()), {"token differs"});
}

TEST_CASE("transports that have shut down hold no resources") {
  if (!can_use_ucx()) return;
  { Pair pair; }  // Warm-up: UCX never frees some of the memory that it allocates first.
  const Resources before = Resources::now();
  for (int i = 0; i < 5; ++i) {
    Pair pair;
    AmpleWait wait;
    pair.key().put(0, "x", 1, wait);
  }
  CHECK(before.changes() == "");
}
