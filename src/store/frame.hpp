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

/// What a frame is. docs/wire.md has the table; numbers are never given anew.
enum class Kind : std::uint32_t {
  // Requests. `set` and `get` take any number of keys.
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
  // What the server says afterwards.
  reply = 128,
  members_gone,
};

/// One frame: 16 bytes of header (u32 length of the body, u32 kind, u64 request id), then the body.
struct Frame {
  Kind kind;
  std::uint64_t id;
  std::string_view body;
};

inline constexpr std::size_t kHeaderBytes = 16;

void append_frame(std::string& out, Kind kind, std::uint64_t id, std::string_view body);

/// Cuts a byte stream into frames. Its memory grows with the bytes that have arrived (at most about
/// four times as many), never with the length that a header announces.
class FrameReader {
 public:
  explicit FrameReader(std::size_t max_body) : max_body_(max_body) {}

  /// Where the next bytes go; never empty. Frames taken before are invalid from here on.
  std::span<char> space();
  /// Says that `count` bytes were put there.
  void filled(std::size_t count);
  /// The next complete frame. Throws Error(invalid_argument) if its length is over the limit: the
  /// stream cannot be read on from there.
  std::optional<Frame> next();
  void set_max_body(std::size_t max_body) { max_body_ = max_body; }

 private:
  std::size_t max_body_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // What is not taken yet lies in [begin_, end_).
  std::size_t end_ = 0;
  bool more_at_once_ = false;
};

}  // namespace symmem::store
