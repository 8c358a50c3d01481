// SPDX-License-Identifier: Apache-2.0
#include "base/wire.hpp"

#include <doctest/doctest.h>

#include "harness/errors.hpp"

using namespace symmem;
using namespace symmem::harness;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

void check_refused(const std::function<void()>& read, const std::vector<std::string>& parts) {
  check_error(read, Errc::invalid_argument, parts);
}

/// Decodes the bytes of sample() and returns whether the values match. Contains no CHECK, because
/// CHECK would catch the Error.
bool read_sample(std::string_view bytes) {
  Reader reader(bytes, "sample");
  bool same = reader.get<std::uint8_t>() == 0xAB;
  same &= reader.get<std::uint16_t>() == 0x1234;
  same &= reader.get<std::uint32_t>() == 0xDEADBEEF;
  same &= reader.get<std::uint64_t>() == UINT64_MAX - 1;
  same &= reader.string() == "with\0zero"sv;
  same &= reader.strings() == std::vector<std::string>{"", "b", "cc"};
  same &= reader.raw(3) == "raw";
  reader.finish();
  return same;
}

std::string sample() {
  Writer writer;
  writer.put(std::uint8_t{0xAB}).put(std::uint16_t{0x1234}).put(0xDEADBEEFu);
  writer.put(std::uint64_t{UINT64_MAX - 1}).put("with\0zero"sv);
  writer.put(std::vector<std::string>{"", "b", "cc"}).raw("raw");
  return writer.bytes();
}

}  // namespace

TEST_CASE("a Reader decodes the values that a Writer encoded") { CHECK(read_sample(sample())); }

TEST_CASE("integers are little-endian, and a count precedes each string and each list") {
  CHECK(Writer().put(0x01020304u).bytes() == "\x04\x03\x02\x01"sv);
  CHECK(Writer().put("ab"sv).bytes() == "\x02\0\0\0ab"sv);
  CHECK(Writer().put(std::vector<std::string>{"x"}).bytes() == "\x01\0\0\0\x01\0\0\0x"sv);
}

TEST_CASE("input truncated at any byte is refused, and the error contains the offset") {
  const std::string whole = sample();
  for (std::size_t length = 0; length < whole.size(); ++length)
    check_refused([&] { read_sample(std::string_view(whole).substr(0, length)); },
                  {"sample is cut short"});
  check_refused([&] { Reader("abc", "it").get<std::uint32_t>(); },
                {"it is cut short: 4 bytes expected at byte 0, 3 remain"});
}

TEST_CASE("input with excess bytes is refused") {
  check_refused([&] { read_sample(sample() + "x"); }, {"sample has 1 bytes too many"});
}

TEST_CASE("counts larger than the remaining input are refused before memory is allocated") {
  const std::string huge = "\xff\xff\xff\xff"s + "abc";
  check_refused([&] { Reader(huge, "it").string(); }, {"4294967295 bytes expected"});
  check_refused([&] { Reader(huge, "it").strings(); }, {"a list of 4294967295 strings"});
  // The count of the list equals the number of remaining bytes, but each string needs at least 4
  // bytes.
  const std::string many = Writer().put(8u).raw("12345678").bytes();
  check_refused([&] { Reader(many, "it").strings(); }, {"a list of 8 strings in 8 bytes"});
  check_refused([&] { Reader("abc", "it").raw(SIZE_MAX); }, {"cut short"});
}

TEST_CASE("crc32 computes the CRC-32 of IEEE 802.3") {
  CHECK(crc32("") == 0);
  CHECK(crc32("123456789") == 0xCBF43926u);
  CHECK(crc32("The quick brown fox jumps over the lazy dog") == 0x414FA339u);
}
