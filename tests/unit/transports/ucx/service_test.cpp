// SPDX-License-Identifier: Apache-2.0
#include "ucx/service.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "blocks/host_block.hpp"
#include "harness/network.hpp"
#include "ucx/engine.hpp"

using namespace symmem;
using namespace symmem::harness;
using namespace symmem::ucx;

namespace {

constexpr std::uint64_t kSender = 11, kBlock = 2;
constexpr std::size_t kOpen = 256, kBegin = 512;  ///< The open range: [kBegin, kBegin + kOpen)

/// A service with one allowed sender and one block; one range of the block is open.
struct Target {
  Log log{LogLevel::off};
  Engine engine{Options::from_env(), 1, log};
  Service& service = engine.service();
  std::shared_ptr<Block> block = make_host_block_maker()->make({1, kBlock}, 4096, 0);
  std::uint64_t next = 1;

  Target() {
    block->open.open(kBegin, kOpen);
    service.add(block);
    service.allow(kSender);
  }
  void receive(const Message& message, const std::string& payload = {}, bool eager = true) {
    service.receive({reinterpret_cast<const char*>(&message), sizeof message},
                    {payload.data(), payload.size()}, eager, nullptr);
  }
  Message message(Kind kind, std::uint64_t offset) {
    Message message;
    message.kind = kind;
    message.sender = kSender;
    message.sequence = next++;
    message.block = kBlock;
    message.offset = offset;
    message.width = 8;
    return message;
  }
  void put(std::uint64_t offset, const std::string& bytes) {
    receive(message(Kind::put, offset), bytes);
  }
  std::string at(std::size_t offset, std::size_t bytes) const {
    return std::string(reinterpret_cast<const char*>(block->base) + offset, bytes);
  }
  std::uint64_t word(std::size_t offset) const {
    return *reinterpret_cast<std::uint64_t*>(block->base + offset);
  }
  /// Returns whether all bytes of the block are still zero.
  bool untouched() const { return at(0, block->bytes) == std::string(block->bytes, '\0'); }
};

/// Checks that each of `messages` is refused and counted and does not change the block, and that a
/// valid message is executed afterwards.
void check_refused(Target& target, const std::vector<std::pair<Message, std::string>>& messages) {
  for (const auto& [message, payload] : messages) {
    const std::uint64_t before = target.service.refused();
    target.receive(message, payload);
    CHECK(target.service.refused() == before + 1);
    CHECK(target.untouched());
  }
  target.put(kBegin, "good");
  CHECK(target.at(kBegin, 4) == "good");
}

}  // namespace

TEST_CASE(
    "messages within an open range are executed, from the first to the last byte of the range") {
  if (!can_use_ucx()) return;
  Target target;
  target.put(kBegin, "a");
  target.put(kBegin + kOpen - 1, "z");
  target.put(kBegin + kOpen, "");
  CHECK(target.at(kBegin, 1) == "a");
  CHECK(target.at(kBegin + kOpen - 1, 2) == std::string("z\0", 2));
  Message add = target.message(Kind::atomic, kBegin + 8);
  add.value = 5;
  target.receive(add);
  CHECK(target.word(kBegin + 8) == 5);
  Message signal = target.message(Kind::signal, kBegin + 16);
  signal.count_at = 8;
  target.receive(signal);
  CHECK(target.word(kBegin + 24) == 1);
  CHECK(target.service.refused() == 0);
}

TEST_CASE("a message for bytes outside the open range is refused") {
  if (!can_use_ucx()) return;
  Target target;
  std::vector<std::pair<Message, std::string>> bad;
  for (const std::uint64_t offset :
       {std::uint64_t{0}, std::uint64_t{kBegin - 1}, std::uint64_t{kBegin + kOpen - 1},
        std::uint64_t{kBegin + kOpen}, std::uint64_t{4095}, std::uint64_t{1} << 40, UINT64_MAX - 1})
    bad.emplace_back(target.message(Kind::put, offset), "xy");
  bad.emplace_back(target.message(Kind::atomic, kBegin - 8), "");
  bad.emplace_back(target.message(Kind::atomic, kBegin + kOpen), "");
  bad.emplace_back(target.message(Kind::atomic, UINT64_MAX - 7), "");
  for (const auto& [offset, bytes] : {std::pair{kBegin - 1, kOpen},
                                      {kBegin, kOpen + 1},
                                      {kBegin, std::size_t{1} << 40},
                                      {kBegin, SIZE_MAX},
                                      {kBegin + kOpen, std::size_t{1}}}) {
    bad.emplace_back(target.message(Kind::get, offset), "");
    bad.back().first.value = bytes;
  }
  for (const auto& [pad, count_at] : {std::pair{kBegin, std::uint32_t{kOpen}},
                                      {kBegin + kOpen - 8, 8u},
                                      {kBegin - 8, 16u},
                                      {kBegin, 0xfffffff8u},
                                      {SIZE_MAX - 7, 8u}}) {
    bad.emplace_back(target.message(Kind::signal, pad), "");
    bad.back().first.count_at = count_at;
  }
  check_refused(target, bad);
}

TEST_CASE("a message for a closed range or an unknown block is refused") {
  if (!can_use_ucx()) return;
  Target target;
  Message unknown = target.message(Kind::put, kBegin);
  unknown.block = kBlock + 1;
  check_refused(target, {{unknown, "xy"}});
  target.block->open.close(kBegin, kOpen);
  target.put(kBegin, "late");
  CHECK(target.at(kBegin, 4) == "good");
  CHECK(target.service.refused() == 2);
  target.block->open.open(kBegin, kOpen);
  target.service.remove(target.block->id);
  target.put(kBegin, "late");
  CHECK(target.at(kBegin, 4) == "good");
  CHECK(target.service.refused() == 3);
}

TEST_CASE("messages that arrive before their sender is allowed are executed once it is allowed") {
  if (!can_use_ucx()) return;
  constexpr std::uint64_t kEarly = kSender + 1;
  Target target;
  const auto signal = [&](std::uint64_t sender, std::uint64_t sequence) {
    Message message = target.message(Kind::signal, kBegin);
    message.sender = sender;
    message.sequence = sequence;
    message.count_at = 8;
    return message;
  };
  target.receive(signal(kEarly, 1));
  target.receive(signal(kEarly, 2));
  target.receive(signal(kEarly + 1, 1));
  CHECK(target.untouched());
  CHECK(target.service.refused() == 0);
  target.service.allow(kEarly);
  CHECK(target.word(kBegin + 8) == 2);
  target.receive(signal(kEarly, 3));
  CHECK(target.word(kBegin + 8) == 3);
  // For senders that are not allowed, the service holds no payloads and at most 4096 messages.
  Message put = target.message(Kind::put, kBegin);
  put.sender = kEarly + 1;
  target.receive(put, "bytes");
  CHECK(target.service.refused() == 1);
  for (std::uint64_t n = 0; n < 5000; ++n) target.receive(signal(kEarly + 2, n));
  CHECK(target.service.refused() >= 1 + 5000 - 4096);
}

TEST_CASE("a message for a misaligned word or with an invalid width is refused") {
  if (!can_use_ucx()) return;
  Target target;
  std::vector<std::pair<Message, std::string>> bad;
  const auto atomic = [&](std::uint64_t offset, int width) {
    bad.emplace_back(target.message(Kind::atomic, offset), "");
    bad.back().first.value = 1;
    bad.back().first.width = static_cast<std::uint8_t>(width);
  };
  for (const int width : {0, 1, 2, 3, 16, 255}) atomic(kBegin, width);
  atomic(kBegin + 4, 8);
  atomic(kBegin + 1, 8);
  atomic(kBegin + 2, 4);
  for (const auto& [pad, count_at] :
       {std::pair{kBegin, 0u}, {kBegin, 4u}, {kBegin, 9u}, {kBegin + 4, 8u}, {kBegin + 1, 8u}}) {
    bad.emplace_back(target.message(Kind::signal, pad), "");
    bad.back().first.count_at = count_at;
  }
  check_refused(target, bad);
}

TEST_CASE("put_with_signal does not signal if the put or the signal is refused") {
  if (!can_use_ucx()) return;
  Target target;
  Message message = target.message(Kind::put_with_signal, kBegin - 1);
  message.value = kBlock;
  message.expected = kBegin + 64;
  message.count_at = 8;
  target.receive(message, "xy");
  CHECK(target.untouched());
  message = target.message(Kind::put_with_signal, kBegin);
  message.value = kBlock + 1;
  message.expected = kBegin + 64;
  message.count_at = 8;
  target.receive(message, "xy");
  CHECK(target.word(kBegin + 72) == 0);
  CHECK(target.service.refused() == 2);
}

TEST_CASE("a message from an unknown sender is not executed and does not affect other senders") {
  if (!can_use_ucx()) return;
  Target target;
  Message unknown = target.message(Kind::put, kBegin);
  --target.next;
  unknown.sender = kSender + 1;
  check_refused(target, {{unknown, "xy"}});
}

TEST_CASE("a message that is malformed, too long or not eager is refused") {
  if (!can_use_ucx()) return;
  Target target;
  const Message message = target.message(Kind::put, kBegin);
  target.receive(message, "xy", /*eager=*/false);
  target.receive(message, std::string(kMaxPayload + 1, 'x'));
  target.service.receive("short", {nullptr, 0}, true, nullptr);
  CHECK(target.service.refused() == 3);
  CHECK(target.untouched());
}

TEST_CASE("messages are executed in their sender's order, also if they arrive in another order") {
  if (!can_use_ucx()) return;
  Target target;
  std::vector<Message> messages;
  for (int i = 0; i < 4; ++i) messages.push_back(target.message(Kind::put, kBegin));
  for (const std::size_t i : {3u, 1u, 2u}) target.receive(messages[i], std::to_string(i));
  CHECK(target.untouched());
  target.receive(messages[0], "0");
  CHECK(target.at(kBegin, 1) == "3");
  CHECK(target.service.refused() == 0);
}

TEST_CASE(
    "a repeated message is refused, and the number of held out-of-order messages is limited") {
  if (!can_use_ucx()) return;
  Target target;
  const Message first = target.message(Kind::put, kBegin);
  target.receive(first, "first");
  target.receive(first, "again");
  CHECK(target.at(kBegin, 5) == "first");
  CHECK(target.service.refused() == 1);
  // The message `missing` has not arrived. The message `early` is held once, although it arrives
  // twice.
  const Message missing = target.message(Kind::put, kBegin);
  const Message early = target.message(Kind::put, kBegin);
  target.receive(early, "early");
  target.receive(early, "twice");
  for (int i = 0; i < 5000; ++i) target.put(kBegin, "x");
  CHECK(target.service.refused() >= 1 + 5000 - 1024);
  target.receive(missing, "there");
  CHECK(target.at(kBegin, 1) == "x");
}
