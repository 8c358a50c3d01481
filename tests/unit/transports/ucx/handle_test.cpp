// SPDX-License-Identifier: Apache-2.0
#include "ucx/handle.hpp"

#include <doctest/doctest.h>

#include "base/wire.hpp"
#include "ucx/message.hpp"
#include "unit/transports/handle_checks.hpp"

using namespace symmem;
using namespace symmem::harness;
using namespace symmem::ucx;

namespace {

const UcxHandle kHandle{"1.13.1",
                        {7, 9},
                        0x7f0000001000,
                        1ull << 40,
                        true,
                        std::string(79, '\x81'),
                        std::string("\0key", 4)};

const auto refused = refuses<UcxHandle>;

std::string_view bytes_of(const auto& object) {
  return {reinterpret_cast<const char*>(&object), sizeof object};
}

}  // namespace

TEST_CASE("decoding a ucx handle returns the encoded values") {
  for (const UcxHandle& handle : {kHandle, UcxHandle{}}) {
    const UcxHandle read = UcxHandle::decode(handle.encode());
    CHECK(read.version == handle.version);
    CHECK(read.block == handle.block);
    CHECK(read.address == handle.address);
    CHECK(read.bytes == handle.bytes);
    CHECK(read.has_token == handle.has_token);
    CHECK(read.worker == handle.worker);
    CHECK(read.key == handle.key);
  }
}

TEST_CASE("decoding refuses a ucx handle in which any one bit is flipped") {
  check_every_bit_counts(kHandle);
}

TEST_CASE(
    "decoding refuses a ucx handle that is truncated, has trailing bytes or has another magic") {
  const std::string good = kHandle.encode();
  const std::string body = good.substr(0, good.size() - 4);
  CHECK_FALSE(refused(seal(body)));
  check_length_counts(kHandle);
  for (std::size_t length = 0; length < body.size(); ++length)
    CHECK(refused(seal(body.substr(0, length))));
  CHECK(refused(seal(body + "x")));
  CHECK(refused(seal("SYMMSHM1" + body.substr(8))));
}

TEST_CASE("decoding refuses a ucx handle whose block exceeds the address space") {
  UcxHandle handle = kHandle;
  for (const std::uint64_t bytes : {UINT64_MAX, UINT64_MAX - handle.address,
                                    UINT64_MAX - handle.address - Block::kTokenBytes + 1}) {
    handle.bytes = bytes;
    CHECK(refused(handle.encode()));
  }
  handle.bytes = UINT64_MAX - handle.address - Block::kTokenBytes;
  CHECK_FALSE(refused(handle.encode()));
}

TEST_CASE("decoding a message returns the encoded values and refuses invalid bytes") {
  Message message;
  message.kind = Kind::get;
  message.sender = 5;
  message.value = 17;
  const std::string good(bytes_of(message));
  REQUIRE(Message::decode(good));
  CHECK(Message::decode(good)->sender == 5);
  CHECK(Message::decode(good)->value == 17);
  for (std::size_t length = 0; length < good.size(); ++length)
    CHECK_FALSE(Message::decode(good.substr(0, length)));
  CHECK_FALSE(Message::decode(good + "x"));
  const auto with = [&](std::size_t at, int value) {
    std::string bad = good;
    bad[at] = static_cast<char>(value);
    return bad;
  };
  for (const int version : {0, 2, 255}) CHECK_FALSE(Message::decode(with(0, version)));
  for (const int kind : {0, 7, 128, 255}) CHECK_FALSE(Message::decode(with(1, kind)));
  for (const int op : {6, 128, 255}) CHECK_FALSE(Message::decode(with(2, op)));
}

TEST_CASE("decoding a reply returns the encoded values and refuses invalid bytes") {
  const Reply reply{3, Reply::Status::refused, 9};
  const std::string good(bytes_of(reply));
  REQUIRE(Reply::decode(good));
  CHECK(Reply::decode(good)->request == 3);
  CHECK(Reply::decode(good)->status == Reply::Status::refused);
  CHECK(Reply::decode(good)->value == 9);
  for (std::size_t length = 0; length < good.size(); ++length)
    CHECK_FALSE(Reply::decode(good.substr(0, length)));
  CHECK_FALSE(Reply::decode(good + "x"));
  std::string bad = good;
  bad[8] = 2;
  CHECK_FALSE(Reply::decode(bad));
}
