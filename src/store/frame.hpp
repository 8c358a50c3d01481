// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace symmem::store {

/// The kind of a frame; docs/wire.md lists all kinds. A number is never reused.
enum class Kind : std::uint32_t {
  // Requests. `set` and `get` accept any number of keys.
  set = 1,
  get,
  add,
  compare_set,
  wait,
  check,
  append,
  remove,
  num_keys,
  list,
  barrier,
  join,
  gather,
  end,
  leave,
  ping,
  // Handshake.
  hello = 64,
  challenge,
  proof,
  welcome,
  refusal,
  // Sent by the server after the handshake.
  reply = 128,
  members_gone,
};

/// One frame: a header of 16 bytes (u32 length of the body, u32 kind, u64 request id), and the
/// body.
struct Frame {
  Kind kind;
  std::uint64_t id;
  std::string_view body;
};

inline constexpr std::size_t kHeaderBytes = 16;

/// Appends a frame to `out`. If memory is exhausted, throws and does not change `out`.
void append_frame(std::string& out, Kind kind, std::uint64_t id, std::string_view body);

/// Splits a byte stream into frames. The size of its buffer is at most about four times the number
/// of received bytes, and does not depend on the length that a header announces.
class FrameReader {
 public:
  explicit FrameReader(std::size_t max_body) : max_body_(max_body) {}

  /// Returns non-empty space for the next received bytes. Invalidates earlier frames.
  std::span<char> space();
  /// Marks the first `count` bytes of space() as received.
  void filled(std::size_t count);
  /// Returns the next complete frame, or nullopt if more bytes are needed. Throws
  /// Error(invalid_argument) if the length exceeds the limit; the rest of the stream is then
  /// unreadable.
  std::optional<Frame> next();
  void set_max_body(std::size_t max_body) { max_body_ = max_body; }

 private:
  std::size_t max_body_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // [begin_, end_) is received but not returned yet.
  std::size_t end_ = 0;
  bool filled_completely_ = false;
};

}  // namespace symmem::store
