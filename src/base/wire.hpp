// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace symmem {

/// An encoder that appends values to a byte string. Integers are little-endian. A u32 count
/// precedes each string and each list.
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
  /// Appends `value` without a count.
  Writer& raw(std::string_view value) {
    bytes_.append(value);
    return *this;
  }

  const std::string& bytes() const& { return bytes_; }
  std::string bytes() && { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// A decoder of an untrusted byte string. The Reader checks each length against the remaining bytes
/// before it allocates memory. It throws Error(invalid_argument), with the name of the input and
/// the byte offset, if the input is too short or too long. The input must outlive the Reader.
class Reader {
 public:
  /// `what` is the name of the input in error messages, for example "store frame".
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

/// Returns `body` followed by its CRC-32 as a u32. The transports encode their handles in this
/// form.
std::string seal(std::string_view body);
/// Returns the body of `bytes`, which seal() encoded. Throws Error(invalid_argument) if the
/// checksum is wrong.
std::string_view unseal(std::string_view bytes, std::string_view what);

}  // namespace symmem
