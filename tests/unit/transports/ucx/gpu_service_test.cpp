// SPDX-License-Identifier: Apache-2.0
// Tests of how the target executes messages for GPU memory. A fake GPU uses host memory.
#include <doctest/doctest.h>

#include <cstring>
#include <map>
#include <mutex>
#include <string>

#include "blocks/host_block.hpp"
#include "harness/network.hpp"
#include "ucx/engine.hpp"
#include "ucx/service.hpp"

using namespace symmem;
using namespace symmem::harness;
using namespace symmem::ucx;

namespace {

/// A GPU that completes atomics while `idle` is true; a blocking atomic fails the test.
class FakeGpu : public Gpu {
 public:
  bool idle = false;  ///< True if the SMs are free to execute atomics.
  int started = 0;
  int executed = 0;

  int index() const override { return 0; }
  std::unique_ptr<CaptureGuard> enter() override { return nullptr; }
  void copy(std::span<const Copy> copies) override {
    for (const Copy& copy : copies) std::memcpy(copy.to, copy.from, copy.bytes);
  }
  bool on_host(const void*) const override { return false; }
  std::shared_ptr<std::byte[]> stage() override { return nullptr; }
  RemoteWrites remote_writes() const override { return RemoteWrites::ordered; }
  void sync_remote_writes() override {}
  void zero(void*, std::size_t) override {}
  std::uint64_t atomic(AtomicOp, std::size_t, void*, std::uint64_t, std::uint64_t) override {
    FAIL_CHECK("the service called the blocking atomic()");
    return 0;
  }
  std::unique_ptr<Pending> start_atomic(AtomicOp, std::size_t, void* at, std::uint64_t value,
                                        std::uint64_t) override {
    ++started;
    return std::make_unique<Addition>(*this, static_cast<std::uint64_t*>(at), value);
  }
  void put_signal(const DeviceView&, int, int, std::chrono::nanoseconds) override {}
  Outcome wait_signal(const DeviceView&, int, int, std::chrono::nanoseconds) override {
    return Outcome::arrived;
  }
  Outcome barrier(const DeviceView&, int, std::chrono::nanoseconds,
                  const std::function<void()>&) override {
    return Outcome::arrived;
  }
  void copy(Stream, const Copy&) override {}
  void put_signal(Stream, const DeviceView&, int, int) override {}
  void wait_signal(Stream, const DeviceView&, int, int, std::chrono::nanoseconds) override {}
  void put_with_signal(Stream, const DeviceView&, const Copy&, int, int) override {}
  void barrier(Stream, const DeviceView&, int, std::chrono::nanoseconds) override {}

 private:
  class Addition : public Pending {
   public:
    Addition(FakeGpu& gpu, std::uint64_t* at, std::uint64_t value)
        : gpu_(gpu), at_(at), value_(value) {}
    bool done(std::uint64_t& before) override {
      if (!gpu_.idle) return false;
      before = *at_;
      *at_ += value_;
      ++gpu_.executed;
      return true;
    }

   private:
    FakeGpu& gpu_;
    std::uint64_t* const at_;
    const std::uint64_t value_;
  };
};

constexpr std::uint64_t kBlock = 2, kOne = 11, kOther = 12;  ///< kOne and kOther are senders.
constexpr std::size_t kOpen = 256, kBegin = 512;             ///< The open range of the block.

struct Target {
  Log log{LogLevel::off};
  Engine engine{Options::from_env(), 1, log};
  Service& service = engine.service();
  /// Locks the worker, so that the engine's progress thread does not progress.
  std::unique_lock<std::mutex> lock = engine.worker().lock();
  std::unique_ptr<FakeGpu> gpu = std::make_unique<FakeGpu>();
  std::shared_ptr<Block> block = make_host_block_maker()->make({1, kBlock}, 4096, 0);
  std::map<std::uint64_t, std::uint64_t> sent;

  Target() {
    block->open.open(kBegin, kOpen);
    service.add(block, gpu.get());
    service.allow(kOne);
    service.allow(kOther);
  }
  void receive(std::uint64_t sender, Kind kind, std::uint64_t offset,
               const std::string& payload = {}) {
    Message message;
    message.kind = kind;
    message.sender = sender;
    message.sequence = message.request = ++sent[sender];
    message.block = kBlock;
    message.offset = offset;
    message.width = 8;
    message.value = 5;
    service.receive({reinterpret_cast<const char*>(&message), sizeof message},
                    {payload.data(), payload.size()}, true, nullptr);
  }
  void complete_all() {
    while (service.waits_for_gpu()) service.progress();
  }
  std::uint64_t word(std::size_t offset) const {
    return *reinterpret_cast<std::uint64_t*>(block->base + offset);
  }
};

}  // namespace

TEST_CASE("an atomic on a busy GPU delays only a later flush of its sender") {
  if (!can_use_ucx()) return;
  Target target;
  target.receive(kOne, Kind::atomic, kBegin);
  CHECK(target.service.waits_for_gpu());
  CHECK(!target.service.progress());
  CHECK(target.gpu->started == 1);
  target.receive(kOne, Kind::put, kBegin + 16, "12345678");
  CHECK(target.word(kBegin + 16) == 0x3837363534333231);
  target.receive(kOne, Kind::flush, 0);
  // This sender has no atomic in flight: the service replies at once.
  target.receive(kOther, Kind::flush, 0);
  CHECK(!target.service.progress());
  CHECK(target.word(kBegin) == 0);
  target.gpu->idle = true;
  CHECK(target.service.progress());
  target.complete_all();
  CHECK(target.word(kBegin) == 5);
  CHECK(target.service.refused() == 0);
}

TEST_CASE("atomics beyond the maximum number of started atomics are queued") {
  if (!can_use_ucx()) return;
  Target target;
  for (int i = 0; i < 20; ++i) target.receive(kOne, Kind::atomic, kBegin);
  target.service.progress();
  CHECK(target.gpu->started == 8);
  target.gpu->idle = true;
  target.complete_all();
  CHECK(target.gpu->executed == 20);
  CHECK(target.word(kBegin) == 100);
}

TEST_CASE(
    "the service refuses an atomic on a closed range and a misaligned atomic before starting it") {
  if (!can_use_ucx()) return;
  Target target;
  target.gpu->idle = true;
  target.receive(kOne, Kind::atomic, kBegin - 8);
  target.receive(kOne, Kind::atomic, kBegin + 4);
  target.receive(kOne, Kind::atomic, kBegin + kOpen);
  target.complete_all();
  CHECK(target.service.refused() == 3);
  CHECK(target.gpu->executed == 0);
  // If a block is removed before a queued atomic starts, the service keeps the block until the
  // atomic completes.
  target.receive(kOne, Kind::atomic, kBegin);
  target.service.remove(target.block->id);
  target.complete_all();
  CHECK(target.word(kBegin) == 5);
}
