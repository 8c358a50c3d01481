// SPDX-License-Identifier: Apache-2.0
#include "base/wire.hpp"

#include <algorithm>
#include <array>

#include "base/check.hpp"

namespace symmem {

Writer& Writer::put(std::string_view value) {
  require(value.size() <= UINT32_MAX, Errc::invalid_argument,
          "a string of {} bytes is too long to send; the limit is {}", value.size(), UINT32_MAX);
  return put(static_cast<std::uint32_t>(value.size())).raw(value);
}

Writer& Writer::put(const std::vector<std::string>& values) {
  put(static_cast<std::uint32_t>(values.size()));
  for (const std::string& value : values) put(std::string_view(value));
  return *this;
}

std::string_view Reader::raw(std::size_t count) {
  require(count <= left(), Errc::invalid_argument,
          "{} is cut short: {} bytes expected at byte {}, {} remain", what_, count, at_, left());
  const std::string_view taken = bytes_.substr(at_, count);
  at_ += count;
  return taken;
}

std::string Reader::string() { return std::string(raw(get<std::uint32_t>())); }

std::vector<std::string> Reader::strings() {
  const std::uint32_t count = get<std::uint32_t>();
  // Each string occupies at least the four bytes of its length.
  require(count <= left() / 4, Errc::invalid_argument,
          "{} is cut short: a list of {} strings in {} bytes", what_, count, left());
  std::vector<std::string> values(count);
  for (std::string& value : values) value = string();
  return values;
}

void Reader::finish() const {
  require(left() == 0, Errc::invalid_argument, "{} has {} bytes too many after byte {}", what_,
          left(), at_);
}

std::uint32_t crc32(std::string_view bytes) {
  static constexpr auto kTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) ? 0xEDB88320u : 0u);
      table[i] = value;
    }
    return table;
  }();
  std::uint32_t sum = ~0u;
  for (const char c : bytes)
    sum = (sum >> 8) ^ kTable[(sum ^ static_cast<unsigned char>(c)) & 0xFF];
  return ~sum;
}

std::string seal(std::string_view body) { return Writer().raw(body).put(crc32(body)).bytes(); }

std::string_view unseal(std::string_view bytes, std::string_view what) {
  constexpr std::size_t kChecksumBytes = sizeof(std::uint32_t);
  const std::string_view body =
      bytes.substr(0, bytes.size() - std::min(bytes.size(), kChecksumBytes));
  require(Reader(bytes.substr(body.size()), what).get<std::uint32_t>() == crc32(body),
          Errc::invalid_argument, "{} has a wrong checksum", what);
  return body;
}

}  // namespace symmem
