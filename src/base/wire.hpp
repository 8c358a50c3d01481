// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace symmem {

/// Appends values to a byte string: integers little-endian, strings and lists after a u32 count.
class Writer {
 public:
  template <std::unsigned_integral T>
  Writer& put(T value) {
    char coded[sizeof(T)];
    for (std::size_t i = 0; i < sizeof(T); ++i) coded[i] = static_cast<char>(value >> (8 * i));
    bytes_.append(coded, sizeof(T));
    return *this;
  }
  Writer& put(std::string_view value);
  Writer& put(const std::vector<std::string>& values);
  /// Appends bytes without a count.
  Writer& raw(std::string_view value) {
    bytes_.append(value);
    return *this;
  }

  const std::string& bytes() const& { return bytes_; }
  std::string bytes() && { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Decodes values from an untrusted byte string. Checks each length against the remaining bytes
/// before it sizes anything. A short or overlong input throws Error(invalid_argument) that names
/// the input and the byte offset. The input must outlive the Reader.
class Reader {
 public:
  /// `what` names the input in errors: "store frame".
  Reader(std::string_view bytes, std::string_view what) : bytes_(bytes), what_(what) {}

  template <std::unsigned_integral T>
  T get() {
    const std::string_view from = raw(sizeof(T));
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
      value |= std::uint64_t{static_cast<unsigned char>(from[i])} << (8 * i);
    return static_cast<T>(value);
  }
  std::string string();
  std::vector<std::string> strings();
  std::string_view raw(std::size_t count);
  std::size_t left() const { return bytes_.size() - at_; }
  /// Throws Error(invalid_argument) if bytes remain.
  void finish() const;

 private:
  std::string_view bytes_;
  std::string_view what_;
  std::size_t at_ = 0;
};

/// Returns the CRC-32 of IEEE 802.3 (reflected, as zlib computes it).
std::uint32_t crc32(std::string_view bytes);

/// Returns `body` followed by its CRC-32 as a u32. Handles end like that.
std::string seal(std::string_view body);
/// Returns the body of bytes that seal() made. Throws Error(invalid_argument) if the checksum is
/// wrong.
std::string_view unseal(std::string_view bytes, std::string_view what);

}  // namespace symmem
