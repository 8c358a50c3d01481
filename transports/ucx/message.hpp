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
              "messages are sent in their in-memory representation, which must be little-endian");

/// UCX active-message ids: kMessageId for messages, kReplyId for replies.
inline constexpr unsigned kMessageId = 1, kReplyId = 2;
/// Maximum size in bytes of puts that are always copied and sent as a message.
inline constexpr std::size_t kSmallPut = 4096;
/// Maximum payload of a message or reply in bytes; longer puts and gets use several messages. The
/// payload and the headers fit in one segment of UCX_TCP_TX_SEG_SIZE (library.cpp).
inline constexpr std::size_t kMaxPayload = 248 << 10;

enum class Kind : std::uint8_t {
  put = 1,          ///< Writes the payload at (block, offset).
  put_with_signal,  ///< Writes the payload, then signals.
  signal,           ///< Adds one to a counter of a signal pad and rings its doorbell.
  atomic,  ///< Executes `op` on the word at (block, offset); the reply contains the old value.
  flush,   ///< The reply is sent when all earlier messages of the sender are executed.
  get,     ///< The reply contains `value` bytes from (block, offset).
};

/// A request from one rank to a peer. Layout: docs/wire.md, "ucx messages". The peer executes the
/// messages of one sender in the order of their sequence numbers, which start at 1.
struct Message {
  static constexpr std::uint8_t kVersion = 1;

  std::uint8_t version = kVersion;
  Kind kind = Kind::put;
  AtomicOp op = AtomicOp::add;
  std::uint8_t width = 0;      ///< atomic: size of the word in bytes, 4 or 8.
  std::uint32_t count_at = 0;  ///< signal, put_with_signal: offset of the counter in the pad.
  std::uint64_t sender = 0;    ///< Random id of the sending Context.
  std::uint64_t sequence = 0;
  /// Request number, which is copied into the reply; 0 if no reply is requested.
  std::uint64_t request = 0;
  std::uint64_t block = 0;     ///< Number of the receiver's block.
  std::uint64_t offset = 0;    ///< Offset in the block; signal: offset of the pad.
  std::uint64_t value = 0;     ///< atomic: operand; put_with_signal: block of the pad; get: bytes.
  std::uint64_t expected = 0;  ///< compare_swap: expected value; put_with_signal: pad's offset.

  /// Decodes a message. Returns an empty optional if `bytes` are not a message.
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

/// The reply to a message with a request number. The payload of a reply to a get is the requested
/// bytes.
struct Reply {
  enum class Status : std::uint64_t { done, refused };

  std::uint64_t request = 0;
  Status status = Status::done;
  std::uint64_t value = 0;  ///< atomic: old value; flush: messages refused since the last flush.

  /// Decodes a reply. Returns an empty optional if `bytes` are not a reply.
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
