// SPDX-License-Identifier: Apache-2.0
#include "shm/handle.hpp"

#include <doctest/doctest.h>

#include "base/wire.hpp"
#include "unit/transports/handle_checks.hpp"

using namespace symmem;
using namespace symmem::harness;
using symmem::shm::ShmHandle;

namespace {

const ShmHandle kHandle{"@symmem-0123.sock", std::string(16, '\x81'), 1ull << 40, 1u << 20};

const auto refused = refuses<ShmHandle>;

}  // namespace

TEST_CASE("decoding a shm handle returns the encoded values") {
  for (const ShmHandle& handle : {kHandle, ShmHandle{"", "", 0, 0}}) {
    const ShmHandle read = ShmHandle::decode(handle.encode());
    CHECK(read.address == handle.address);
    CHECK(read.token == handle.token);
    CHECK(read.bytes == handle.bytes);
    CHECK(read.descriptor == handle.descriptor);
  }
}

TEST_CASE("decoding refuses a shm handle in which any one bit is flipped") {
  check_every_bit_counts(kHandle);
}

TEST_CASE(
    "decoding refuses a shm handle that is truncated, has trailing bytes or has another magic") {
  const std::string good = kHandle.encode();
  check_length_counts(kHandle);
  CHECK(refused(std::string(good.size(), '\xff')));
  const std::string other = Writer().raw("SYMMUCX1").raw(good.substr(8, good.size() - 12)).bytes();
  check_error([&] { ShmHandle::decode(seal(other)); }, Errc::invalid_argument, {"SYMMSHM1"});
}
