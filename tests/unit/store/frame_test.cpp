// SPDX-License-Identifier: Apache-2.0
// Tests of the encoding and decoding of frames, replies and pushes.
#include "store/frame.hpp"

#include "store/limits.hpp"
#include "store/message.hpp"
#include "stores.hpp"

namespace symmem::store {
namespace {

void feed(FrameReader& reader, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto space = reader.space();
    const std::size_t count = bytes.copy(space.data(), space.size());
    reader.filled(count);
    bytes.remove_prefix(count);
  }
}

TEST_CASE("a frame is encoded as docs/wire.md specifies") {
  std::string bytes;
  append_frame(bytes, Kind::challenge, 0x0102030405060708, "body");
  CHECK(bytes == std::string("\x04\0\0\0\x41\0\0\0\x08\x07\x06\x05\x04\x03\x02\x01"
                             "body",
                             20));
}

TEST_CASE("frames are decoded from a stream that is split at any byte") {
  std::string bytes;
  for (std::uint64_t i = 0; i < 50; ++i)
    append_frame(bytes, Kind::set, i, std::string(i * 37, static_cast<char>('a' + i % 26)));
  for (const std::size_t piece :
       {std::size_t{1}, std::size_t{15}, std::size_t{1000}, bytes.size()}) {
    FrameReader reader(kMaxFrameBytes);
    std::uint64_t next = 0;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      feed(reader, std::string_view(bytes).substr(at, piece));
      while (const auto frame = reader.next()) {
        CHECK(frame->id == next);
        CHECK(frame->body == std::string(next * 37, static_cast<char>('a' + next % 26)));
        ++next;
      }
    }
    CHECK(next == 50);
  }
}

TEST_CASE("a frame at the length limit is accepted, a longer frame is refused") {
  FrameReader reader(10);
  std::string bytes;
  append_frame(bytes, Kind::set, 1, "0123456789");
  append_frame(bytes, Kind::set, 2, "0123456789a");
  feed(reader, bytes);
  CHECK(reader.next()->body == "0123456789");
  check_error([&] { reader.next(); }, Errc::invalid_argument);
}

TEST_CASE("the reader's buffer grows with the received bytes and shrinks again") {
  FrameReader reader(kMaxFrameBytes);
  std::string bytes;
  append_frame(bytes, Kind::set, 1, std::string(1 << 20, 'x'));
  std::size_t arrived = 0;
  for (std::string_view left = bytes; !left.empty();) {
    const auto space = reader.space();
    CHECK(space.size() <= 4 * arrived + 1024);
    const std::size_t count = left.copy(space.data(), space.size());
    reader.filled(count);
    arrived += count;
    left.remove_prefix(count);
  }
  CHECK(reader.next()->body.size() == 1 << 20);
  CHECK(reader.space().size() <= 64 << 10);
}

TEST_CASE("a reply contains values and numbers, or an error") {
  const std::vector<std::string_view> values{"a", ""};
  const std::vector<std::uint64_t> numbers{7, UINT64_MAX};
  const Reply reply = decode_reply(encode_reply(values, numbers));
  CHECK(reply.values == std::vector<std::string>{"a", ""});
  CHECK(reply.numbers == numbers);
  const auto error = error_of([] { decode_reply(encode_failure(Errc::peer_lost, "gone")); });
  check_error(error, Errc::peer_lost);
  CHECK(error.value().what() == std::string("gone"));
}

TEST_CASE("a malformed reply causes an internal error") {
  for (const std::string& body :
       {std::string(), std::string("\0", 1), std::string("\xff\0\0\0\0", 5),
        encode_reply(1).substr(1), encode_reply(1) + "x", std::string("\0\xff\xff\xff\xff", 5)})
    check_error([&] { decode_reply(body); }, Errc::internal);
}

TEST_CASE("a push is decoded as it was encoded") {
  const MembersGone event =
      decode_members_gone(encode(MembersGone{"id", {3, 4}, Departure::left, "why"}));
  CHECK(event.group_id == "id");
  CHECK(event.ranks == std::vector<int>{3, 4});
  CHECK(event.how == Departure::left);
  CHECK(event.reason == "why");
}

}  // namespace
}  // namespace symmem::store
