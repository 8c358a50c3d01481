// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cstring>
#include <future>
#include <thread>

#include "base/deadline.hpp"
#include "fd_service/fd_service.hpp"
#include "base/log.hpp"
#include "harness/errors.hpp"
#include "harness/resources.hpp"
#include "harness/ucx.hpp"
#include "blocks/host_block.hpp"
#include "ucx/endpoint.hpp"
#include "ucx/engine.hpp"
#include "ucx/factory.hpp"
#include "ucx/handle.hpp"

using namespace symmem;
using namespace symmem::harness;
using symmem::ucx::UcxHandle;

namespace {

constexpr std::chrono::seconds kAmple = std::chrono::seconds(60) * kSlow;

/// One Context's side.
struct Side {
  explicit Side(std::uint64_t id) : process{"host", 4, id} {}
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
  EventLoop loop;
  FdService fds{loop, ""};
  Log log{LogLevel::off};
  TransportEnvironment environment{options, host_id, process, fds, log};
  std::shared_ptr<Transport> transport = symmem::ucx::make_transports(environment).front();
};

struct AmpleWait : Wait {
  void check() override {
    ++checks;
    if (deadline.expired()) throw Error(Errc::timeout, "no end within ample time");
    if (on_check) on_check();
  }
  int checks = 0;
  std::function<void()> on_check;
  Deadline deadline = Deadline::in(kAmple, {});
};

/// An owner with a block, all of it open, and a peer that has attached it and is allowed to it.
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

TEST_CASE("a block is reached by key, all of it, both ways") {
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

TEST_CASE("a packed key serves an endpoint that the application makes itself") {
  if (!can_use_ucx()) return;
  Pair pair;
  AmpleWait wait;
  const std::string known = "as the owner wrote it";
  std::memcpy(pair.block->base + 64, known.data(), known.size());
  const PackedKey packed = pair.key().packed();
  symmem::ucx::Engine application{Options::from_env(), 77, pair.peer.log};
  const auto endpoint = application.endpoint(pair.owner.process.id, packed.worker);
  ucp_rkey_h key = endpoint->unpack(packed.key);
  std::string got(known.size(), ' ');
  endpoint->read(packed.address + 64, key, got.data(), got.size(), wait);
  CHECK(got == known);
  const auto lock = application.worker().lock();
  application.ucp().rkey_destroy(key);
}

TEST_CASE("flush waits until the target has carried out what was sent, and not just got it") {
  if (!can_use_ucx()) return;
  Pair pair;
  AmpleWait wait;
  pair.key().put(0, "?", 1, wait);
  pair.key().flush(wait);
  // The target's thread cannot carry anything out while its ranges are in use.
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

TEST_CASE("what the target refuses is an error: at once of a get, at the flush of a put") {
  if (!can_use_ucx()) return;
  Pair pair;
  AmpleWait wait;
  char byte = 'x';
  pair.block->open.close(0, pair.block->bytes);
  pair.key().put(0, &byte, 1, wait);
  check_error([&] { pair.key().flush(wait); }, Errc::refused, {"refused 1 of the puts"});
  CHECK_NOTHROW(pair.key().flush(wait));
  check_error([&] { pair.key().get(0, &byte, 1, wait); }, Errc::refused, {"refused the get"});
  check_error([&] { pair.key().atomic(AtomicOp::add, 8, 0, 1, 0, wait); }, Errc::refused);
  pair.key().get_nbi(0, &byte, 1, wait);
  check_error([&] { pair.key().flush(wait); }, Errc::refused, {"some of the gets"});
  CHECK_NOTHROW(pair.key().flush(wait));
  CHECK(pair.block->base[0] == std::byte{0});
  pair.block->open.open(0, pair.block->bytes);
  pair.key().put(0, "y", 1, wait);
  pair.key().get(0, &byte, 1, wait);
  CHECK(byte == 'y');
}

TEST_CASE("a handle of another UCX is refused, naming both versions") {
  if (!can_use_ucx()) return;
  Pair pair;
  UcxHandle handle = UcxHandle::decode(pair.exported.value->handle());
  const std::string version = handle.version;
  for (const char* other : {"1.99.0", "1.1", "", "2.13.1", "1.131.0"}) {
    handle.version = other;
    check_refusal(pair.peer.attach(pair.owner, handle.encode()), {"it runs UCX", other, version});
  }
}

TEST_CASE("a handle of another block or Context is refused before UCX sees it") {
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

TEST_CASE("a handle that leads to other memory is refused: the token differs") {
  if (!can_use_ucx()) return;
  Pair pair;
  UcxHandle handle = UcxHandle::decode(pair.exported.value->handle());
  handle.bytes -= 4096;
  check_refusal(pair.peer.attach(pair.owner, handle.encode()), {"token differs"});
}

TEST_CASE("nothing is left of transports that have worked") {
  if (!can_use_ucx()) return;
  { Pair pair; }  // UCX keeps some things for ever.
  const Resources before = Resources::now();
  for (int i = 0; i < 5; ++i) {
    Pair pair;
    AmpleWait wait;
    pair.key().put(0, "x", 1, wait);
  }
  CHECK(before.changes() == "");
}
