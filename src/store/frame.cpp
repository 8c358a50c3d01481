// SPDX-License-Identifier: Apache-2.0
#include "store/frame.hpp"

#include <algorithm>
#include <cstring>

#include "base/check.hpp"
#include "base/wire.hpp"

namespace symmem::store {

void append_frame(std::string& out, Kind kind, std::uint64_t id, std::string_view body) {
  out.reserve(out.size() + kHeaderBytes + body.size());  // Throws before it changes `out`.
  const auto put = [&](auto value) {
    char coded[sizeof value];
    for (std::size_t i = 0; i < sizeof value; ++i) coded[i] = static_cast<char>(value >> (8 * i));
    out.append(coded, sizeof value);
  };
  put(static_cast<std::uint32_t>(body.size()));
  put(static_cast<std::uint32_t>(kind));
  put(id);
  out.append(body);
}

std::span<char> FrameReader::space() {
  constexpr std::size_t kSmallest = 1u << 10;  // Small, because most connections are idle.
  constexpr std::size_t kUsual = 64u << 10;    // Large enough to amortize a system call.
  const std::size_t left = end_ - begin_;
  if (left == 0 && buffer_.size() > kUsual) std::vector<char>().swap(buffer_);
  if (left > 0 && begin_ > 0) std::memmove(buffer_.data(), buffer_.data() + begin_, left);
  begin_ = 0;
  end_ = left;
  const bool full = buffer_.size() - end_ <= buffer_.size() / 2;
  if (full || (filled_completely_ && buffer_.size() < kUsual))
    buffer_.resize(std::max(kSmallest, 2 * buffer_.size()));
  filled_completely_ = false;
  return std::span(buffer_).subspan(end_);
}

void FrameReader::filled(std::size_t count) {
  end_ += count;
  filled_completely_ = end_ == buffer_.size();
}

std::optional<Frame> FrameReader::next() {
  if (end_ - begin_ < kHeaderBytes) return std::nullopt;
  Reader header(std::string_view(buffer_.data() + begin_, kHeaderBytes), "store frame");
  const std::size_t length = header.get<std::uint32_t>();
  const Kind kind{header.get<std::uint32_t>()};
  const std::uint64_t id = header.get<std::uint64_t>();
  require(length <= max_body_, Errc::invalid_argument,
          "a store frame announces {} bytes; at most {} are allowed", length, max_body_);
  if (end_ - begin_ - kHeaderBytes < length) return std::nullopt;
  const Frame frame{kind, id, {buffer_.data() + begin_ + kHeaderBytes, length}};
  begin_ += kHeaderBytes + length;
  return frame;
}

}  // namespace symmem::store
