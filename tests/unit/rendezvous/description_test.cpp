// SPDX-License-Identifier: Apache-2.0
#include "rendezvous/description.hpp"

#include <doctest/doctest.h>

#include "base/wire.hpp"
#include "harness/errors.hpp"
#include "symmem/key_value_store.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

Description sample() {
  return {.bytes = 1ull << 40,
          .device = DeviceType::cuda,
          .alloc_id = 0,
          .channels = 64,
          .transports = {"shm", "mine"},
          .require = {"shm"},
          .host_id = "boot/ipc:1",
          .buffer = {{1, 2}, true, 256},
          .pad = {{3, 4}, false, 512},
          .network_pad = {{5, 6}, true, 768},
          .handles = ExportedHandles{"", "buffer's", "pad's"}};
}

Group group_of_three() {
  return Group("g", {0, 3, make_hash_store()}, Process{}, std::chrono::seconds(1));
}

/// Checks the error for three equal descriptions of which `change` modifies the second.
void check_differs(const std::function<void(Description&)>& change,
                   const std::vector<std::string>& parts) {
  const Group group = group_of_three();
  std::vector<Description> described(3, sample());
  CHECK_NOTHROW(validate(group, described));
  change(described[1]);
  check_error([&] { validate(group, described); }, Errc::invalid_argument, parts);
}

}  // namespace

TEST_CASE("decoding an encoded description returns the same description") {
  const Description read = Description::decode(sample().encode());
  CHECK(read.bytes == 1ull << 40);
  CHECK(read.device == DeviceType::cuda);
  CHECK(read.alloc_id == 0u);
  CHECK(read.channels == 64);
  CHECK(read.transports == std::vector<std::string>{"shm", "mine"});
  CHECK(read.require == std::vector<std::string>{"shm"});
  CHECK(read.host_id == "boot/ipc:1");
  CHECK(read.buffer.block == BlockId{1, 2});
  CHECK(read.buffer.kept);
  CHECK(read.buffer.offset == 256);
  CHECK(read.pad.block == BlockId{3, 4});
  CHECK_FALSE(read.pad.kept);
  CHECK(read.pad.offset == 512);
  CHECK(read.network_pad.block == BlockId{5, 6});
  CHECK(read.network_pad.kept);
  CHECK(read.network_pad.offset == 768);
  CHECK(read.handles->refusal == "");
  CHECK(read.handles->buffer == "buffer's");
  CHECK(read.handles->pad == "pad's");
  Description without = sample();
  without.alloc_id.reset();
  without.handles.reset();
  CHECK_FALSE(Description::decode(without.encode()).alloc_id);
  CHECK_FALSE(Description::decode(without.encode()).handles);
}

TEST_CASE("a truncated description or a description with extra bytes is refused") {
  const std::string good = sample().encode();
  for (std::size_t length = 0; length < good.size(); ++length)
    check_error([&] { Description::decode(good.substr(0, length)); }, Errc::invalid_argument,
                {"a rank's description is cut short"});
  check_error([&] { Description::decode(good + "x"); }, Errc::invalid_argument,
              {"1 bytes too many"});
}

TEST_CASE("a description from another release is reported as such, not as malformed") {
  std::string other = sample().encode();
  other[0] = 2;
  check_error([&] { Description::decode(other); }, Errc::unsupported,
              {"another release", "version 2, this rank uses version 1"});
}

TEST_CASE("a description with one changed byte is either decoded or refused with an Error") {
  const std::string good = sample().encode();
  for (std::size_t at = 0; at < good.size(); ++at)
    for (const char value : {'\0', '\x7f', '\xff'}) {
      std::string bad = good;
      bad[at] = value;
      CHECK_NOTHROW([&] {
        try {
          static_cast<void>(Description::decode(bad));
        } catch (const Error&) {
        }
      }());
    }
}

TEST_CASE("fields that must be equal are compared, and the error lists the ranks by value") {
  check_differs([](Description& d) { d.bytes = 7; },
                {"sizes in bytes differ", "7 on rank 1", "1099511627776 on rank 0, rank 2"});
  check_differs([](Description& d) { d.device = DeviceType::host; },
                {"device types differ", "host on rank 1", "cuda on rank 0, rank 2"});
  check_differs([](Description& d) { d.alloc_id.reset(); },
                {"alloc_ids differ", "none on rank 1", "0 on rank 0, rank 2"});
  check_differs([](Description& d) { d.alloc_id = 5; }, {"alloc_ids differ", "5 on rank 1"});
  check_differs([](Description& d) { d.channels = 8; }, {"SYMMEM_CHANNELS", "8 on rank 1"});
  check_differs(
      [](Description& d) {
        d.transports = {"mine", "shm"};
      },
      {"SYMMEM_TRANSPORTS", "\"mine,shm\" on rank 1", "\"shm,mine\" on rank 0, rank 2"});
  check_differs([](Description& d) { d.require = {}; }, {"SYMMEM_REQUIRE", "\"\" on rank 1"});
}

TEST_CASE("fields that may differ are accepted") {
  const Group group = group_of_three();
  std::vector<Description> described(3, sample());
  described[1].host_id = "elsewhere";
  described[2].buffer = {{8, 8}, false, 0};
  described[2].pad = {{8, 9}, true, 1};
  described[2].handles.reset();
  CHECK_NOTHROW(validate(group, described));
}
