// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "symmem/element.hpp"

namespace symmem::ucx {

static_assert(std::endian::native == std::endian::little, "messages are sent as they lie");

/// Numbers of the active messages: of messages, and of the replies to them.
inline constexpr unsigned kMessageId = 1, kReplyId = 2;
/// A put of up to this many bytes goes as a message, whatever else there is.
inline constexpr std::size_t kSmall = 4096;
/// A message or reply carries at most this many bytes; longer puts and gets take several. With its
/// headers it fits one segment of UCX_TCP_TX_SEG_SIZE, as library.cpp sets it.
inline constexpr std::size_t kMaxPayload = 248 << 10;

enum class Kind : std::uint8_t {
  put = 1,          ///< Writes the payload at (block, offset).
  put_with_signal,  ///< The same, then signals.
  signal,           ///< Adds one to a count of a signal pad and rings.
  atomic,           ///< `op` on the word at (block, offset); replied to with its value before.
  flush,            ///< Replied to, when all before it was carried out.
  get,              ///< Replied to with `value` bytes from (block, offset) on.
};

/// What a rank asks a peer to do; docs/wire.md, "ucx messages". Those of one sender are carried out
/// in the order of their sequence, which begins at 1.
struct Message {
  static constexpr std::uint8_t kVersion = 1;

  std::uint8_t version = kVersion;
  Kind kind = Kind::put;
  AtomicOp op = AtomicOp::add;
  std::uint8_t width = 0;      ///< Of an atomic's word: 4 or 8.
  std::uint32_t count_at = 0;  ///< Where the signal's count lies, from the pad's begin.
  std::uint64_t sender = 0;    ///< The random id of the sending Context.
  std::uint64_t sequence = 0;
  std::uint64_t request = 0;  ///< Names the reply; 0 for none.
  std::uint64_t block = 0;    ///< Number of a block of the receiver.
  std::uint64_t offset = 0;   ///< There; of a signal: of the pad.
  std::uint64_t value = 0;    ///< Of an atomic; of put_with_signal: the pad's block; of get: bytes.
  std::uint64_t expected = 0;  ///< Of compare_swap; of put_with_signal: where the pad begins.

  /// Empty for bytes that are no message.
  static std::optional<Message> decode(std::string_view bytes) {
    Message message;
    if (bytes.size() != sizeof message || bytes[0] != kVersion) return {};
    const auto kind = static_cast<std::uint8_t>(bytes[1]), op = static_cast<std::uint8_t>(bytes[2]);
    if (kind < static_cast<std::uint8_t>(Kind::put) || kind > static_cast<std::uint8_t>(Kind::get))
      return {};
    if (op > static_cast<std::uint8_t>(AtomicOp::compare_swap)) return {};
    std::memcpy(static_cast<void*>(&message), bytes.data(), sizeof message);
    return message;
  }
};
static_assert(sizeof(Message) == 64);

struct Reply {
  enum class Status : std::uint64_t { done, refused };

  std::uint64_t request = 0;
  Status status = Status::done;
  std::uint64_t value = 0;  ///< Of an atomic; of a flush: messages refused since the last one.

  static std::optional<Reply> decode(std::string_view bytes) {
    Reply reply;
    if (bytes.size() != sizeof reply) return {};
    std::memcpy(static_cast<void*>(&reply), bytes.data(), sizeof reply);
    if (reply.status != Status::done && reply.status != Status::refused) return {};
    return reply;
  }
};
static_assert(sizeof(Reply) == 24);

}  // namespace symmem::ucx
