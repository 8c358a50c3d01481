// SPDX-License-Identifier: Apache-2.0
// What a target does with messages for the memory of a GPU, which is played by the host here.
#include <doctest/doctest.h>

#include <cstring>
#include <map>
#include <mutex>
#include <string>

#include "harness/ucx.hpp"
#include "blocks/host_block.hpp"
#include "ucx/engine.hpp"
#include "ucx/service.hpp"

using namespace symmem;
using namespace symmem::harness;
using namespace symmem::ucx;

namespace {

/// It carries atomics out when it is told to, and nothing that ranks of a test do not ask for.
class PlayedGpu : public Gpu {
 public:
  bool free = false;  ///< Its multiprocessors, for atomics.
  int started = 0;
  int carried_out = 0;

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
    FAIL_CHECK("an atomic that is waited for");
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
    Addition(PlayedGpu& gpu, std::uint64_t* at, std::uint64_t value)
        : gpu_(gpu), at_(at), value_(value) {}
    bool done(std::uint64_t& before) override {
      if (!gpu_.free) return false;
      before = *at_;
      *at_ += value_;
      ++gpu_.carried_out;
      return true;
    }

   private:
    PlayedGpu& gpu_;
    std::uint64_t* const at_;
    const std::uint64_t value_;
  };
};

constexpr std::uint64_t kBlock = 2, kOne = 11, kOther = 12;  ///< Two senders.
constexpr std::size_t kOpen = 256, kBegin = 512;             ///< What is open of the block.

struct Target {
  Log log{LogLevel::off};
  Engine engine{Options::from_env(), 1, log};
  Service& service = engine.service();
  /// Keeps the engine's thread from carrying on in the test's place.
  std::unique_lock<std::mutex> lock = engine.worker().lock();
  std::shared_ptr<PlayedGpu> gpu = std::make_shared<PlayedGpu>();
  std::shared_ptr<Block> block = make_host_block_maker()->make({1, kBlock}, 4096, 0);
  std::map<std::uint64_t, std::uint64_t> sent;

  Target() {
    block->open.open(kBegin, kOpen);
    service.add(block, gpu);
    service.allow(kOne);
    service.allow(kOther);
  }
  void take(std::uint64_t sender, Kind kind, std::uint64_t offset,
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
  void carry_on_to_the_end() {
    while (service.waits_for_gpu()) service.carry_on();
  }
  std::uint64_t word(std::size_t offset) const {
    return *reinterpret_cast<std::uint64_t*>(block->base + offset);
  }
};

}  // namespace

TEST_CASE("an atomic on a GPU that is held waits, and nobody waits for it but a flush behind it") {
  if (!can_use_ucx()) return;
  Target target;
  target.take(kOne, Kind::atomic, kBegin);
  CHECK(target.service.waits_for_gpu());
  CHECK(!target.service.carry_on());
  CHECK(target.gpu->started == 1);
  target.take(kOne, Kind::put, kBegin + 16, "12345678");
  CHECK(target.word(kBegin + 16) == 0x3837363534333231);
  target.take(kOne, Kind::flush, 0);
  target.take(kOther, Kind::flush, 0);  // Behind nothing of its own: replied to at once.
  CHECK(!target.service.carry_on());
  CHECK(target.word(kBegin) == 0);
  target.gpu->free = true;
  CHECK(target.service.carry_on());
  target.carry_on_to_the_end();
  CHECK(target.word(kBegin) == 5);
  CHECK(target.service.refused() == 0);
}

TEST_CASE("more atomics than a GPU gets at once are carried out one after the other") {
  if (!can_use_ucx()) return;
  Target target;
  for (int i = 0; i < 20; ++i) target.take(kOne, Kind::atomic, kBegin);
  target.service.carry_on();
  CHECK(target.gpu->started == 8);
  target.gpu->free = true;
  target.carry_on_to_the_end();
  CHECK(target.gpu->carried_out == 20);
  CHECK(target.word(kBegin) == 100);
}

TEST_CASE("an atomic on what is closed, or that is none, is refused when its turn comes") {
  if (!can_use_ucx()) return;
  Target target;
  target.gpu->free = true;
  target.take(kOne, Kind::atomic, kBegin - 8);
  target.take(kOne, Kind::atomic, kBegin + 4);
  target.take(kOne, Kind::atomic, kBegin + kOpen);
  target.carry_on_to_the_end();
  CHECK(target.service.refused() == 3);
  CHECK(target.gpu->carried_out == 0);
  // The block goes before the atomic's turn: it is kept until then.
  target.take(kOne, Kind::atomic, kBegin);
  target.service.remove(target.block->id);
  target.carry_on_to_the_end();
  CHECK(target.word(kBegin) == 5);
}
