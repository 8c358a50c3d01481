// SPDX-License-Identifier: Apache-2.0
#include "blocks/host_block.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "harness/errors.hpp"
#include "harness/resources.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

std::shared_ptr<Block> make(std::size_t bytes, int device_index = 0) {
  return make_host_block_maker()->make({7, 9}, bytes, device_index);
}

}  // namespace

TEST_CASE(
    "a block contains at least the requested bytes, all zero, and the block's id after them") {
  for (const std::size_t bytes : {0u, 1u, 4095u, 4096u, 4097u, 1u << 20}) {
    const auto block = make(bytes);
    CHECK(block->bytes >= bytes);
    CHECK(block->device == Device{});
    CHECK(reinterpret_cast<std::uintptr_t>(block->base) % 4096 == 0);
    CHECK(std::all_of(block->base, block->base + block->bytes,
                      [](std::byte byte) { return byte == std::byte{0}; }));
    CHECK(std::memcmp(block->base + block->bytes, &block->id, sizeof block->id) == 0);
    struct stat info {};
    REQUIRE(::fstat(block->descriptor, &info) == 0);
    CHECK(static_cast<std::size_t>(info.st_size) == block->bytes + Block::kTokenBytes);
  }
  CHECK(make_host_block_maker()->device_type() == DeviceType::host);
}

TEST_CASE("the seals of a block cannot be changed and prevent shrinking and growing") {
  const auto block = make(100);
  CHECK(::fcntl(block->descriptor, F_GET_SEALS) == (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL));
  CHECK(::ftruncate(block->descriptor, 0) != 0);
  CHECK(::ftruncate(block->descriptor, 1 << 20) != 0);
  CHECK(::fcntl(block->descriptor, F_ADD_SEALS, F_SEAL_WRITE) != 0);
  CHECK((::fcntl(block->descriptor, F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("destroying a block closes the descriptor and removes the mapping") {
  const Resources before = Resources::now();
  {
    const auto one = make(100), two = make(10 << 20);
    CHECK(one->descriptor != two->descriptor);
  }
  CHECK(before.changes() == "");
}

TEST_CASE("making a block does not allocate its pages") {
  const auto block = make(512 << 20);
  struct stat info {};
  REQUIRE(::fstat(block->descriptor, &info) == 0);
  CHECK(info.st_blocks * 512 < 1 << 20);
}

TEST_CASE(
    "make() refuses a device index other than 0 and an unavailable size; the error contains the "
    "value") {
  check_error([] { make(100, 1); }, Errc::invalid_argument, {"device index 1"});
  check_error([] { make(std::size_t{1} << 46); }, Errc::exhausted,
              {"70368744177664 bytes", "MemAvailable", "cgroup"});
  check_error([] { make(SIZE_MAX); }, Errc::exhausted, {"more than can be addressed"});
  check_error([] { make(SIZE_MAX / 2); }, Errc::exhausted, {"more than can be addressed"});
}

TEST_CASE(
    "small blocks share one check of the available memory; a large block causes a new check") {
  const auto maker = make_host_block_maker();
  const auto one = maker->make({7, 1}, 100, 0), two = maker->make({7, 2}, 100, 0);
  check_error(
      [&] {
        maker->make({7, 3}, std::size_t{1} << 46, 0);
      },
      Errc::exhausted, {"70368744177664 bytes", "MemAvailable", "cgroup"});
  CHECK(maker->make({7, 4}, 100, 0)->bytes >= 100);
}
