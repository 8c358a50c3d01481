// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "symmem/types.hpp"

namespace symmem::ucx {

static_assert(std::endian::native == std::endian::little,
              "messages are sent as they are in memory");

/// UCX active message ids of messages and of replies.
inline constexpr unsigned kMessageId = 1, kReplyId = 2;
/// Puts of up to this many bytes are always copied and sent as a message.
inline constexpr std::size_t kSmallPut = 4096;
/// The most bytes that a message or reply carries; longer puts and gets take several. With headers
/// it fits one segment of UCX_TCP_TX_SEG_SIZE (library.cpp).
inline constexpr std::size_t kMaxPayload = 248 << 10;

enum class Kind : std::uint8_t {
  put = 1,          ///< Writes the payload at (block, offset).
  put_with_signal,  ///< Writes the payload, then signals.
  signal,           ///< Adds one to a counter of a signal pad and rings its doorbell.
  atomic,           ///< Executes `op` on the word at (block, offset); the reply has its old value.
  flush,            ///< Replied to when all earlier messages of the sender are executed.
  get,              ///< Replied to with `value` bytes from (block, offset).
};

/// A request of one rank to a peer; layout: docs/wire.md, "ucx messages". The peer executes those
/// of one sender in the order of their sequence, which begins at 1.
struct Message {
  static constexpr std::uint8_t kVersion = 1;

  std::uint8_t version = kVersion;
  Kind kind = Kind::put;
  AtomicOp op = AtomicOp::add;
  std::uint8_t width = 0;      ///< atomic: bytes of the word, 4 or 8.
  std::uint32_t count_at = 0;  ///< Signals: offset of the counter in the pad.
  std::uint64_t sender = 0;    ///< The sending Context's random id.
  std::uint64_t sequence = 0;
  std::uint64_t request = 0;   ///< Copied into the reply; 0: no reply.
  std::uint64_t block = 0;     ///< The number of a block of the receiver.
  std::uint64_t offset = 0;    ///< In the block; signal: of the pad.
  std::uint64_t value = 0;     ///< atomic: operand; put_with_signal: the pad's block; get: bytes.
  std::uint64_t expected = 0;  ///< compare_swap: expected value; put_with_signal: the pad's offset.

  /// Decodes a message; empty if `bytes` are none.
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

/// The reply to a message with a request number. The bytes of a get are its payload.
struct Reply {
  enum class Status : std::uint64_t { done, refused };

  std::uint64_t request = 0;
  Status status = Status::done;
  std::uint64_t value = 0;  ///< atomic: old value; flush: messages refused since the last flush.

  /// Decodes a reply; empty if `bytes` are none.
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
