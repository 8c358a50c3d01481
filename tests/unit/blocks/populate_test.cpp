// SPDX-License-Identifier: Apache-2.0
#include "blocks/populate.hpp"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "blocks/available_memory.hpp"
#include "blocks/host_block.hpp"
#include "harness/errors.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

const auto kPage = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));

/// Returns the number of resident pages in [at, at+bytes). Both values must be multiples of the
/// page size.
std::size_t resident_pages(std::byte* at, std::size_t bytes) {
  std::vector<unsigned char> resident(bytes / kPage);
  REQUIRE(::mincore(at, bytes, resident.data()) == 0);
  return static_cast<std::size_t>(std::count_if(
      resident.begin(), resident.end(), [](unsigned char flags) { return (flags & 1) != 0; }));
}

}  // namespace

TEST_CASE("populate makes exactly the pages of a range resident and keeps their contents") {
  const std::function<void(std::byte*, std::size_t)> ways[] = {populate, touch_pages};
  for (const auto& make_resident : ways) {
    const auto block = make_host_block_maker()->make({7, 9}, 16 << 20, 0);
    std::byte* const base = block->base;
    const std::size_t first = 64 * kPage, count = 1000;
    base[first + 5] = std::byte{42};
    // This range begins and ends within a page.
    make_resident(base + first + 100, (count - 1) * kPage);
    CHECK(resident_pages(base + first, count * kPage) == count);
    CHECK(resident_pages(base, first) == 0);
    CHECK(base[first + 5] == std::byte{42});
    CHECK(base[first + kPage] == std::byte{0});
    make_resident(base + first, count * kPage);
    make_resident(base, 0);
    CHECK(resident_pages(base, first) == 0);
  }
}

TEST_CASE("populate refuses a range larger than the available memory and allocates no pages") {
  const std::size_t bytes = 2 * require_available(1) / kPage * kPage;
  void* const at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  REQUIRE(at != MAP_FAILED);
  auto* const base = static_cast<std::byte*>(at);
  check_error([&] { populate(base, bytes); }, Errc::exhausted, {"MemAvailable", "cgroup"});
  CHECK(resident_pages(base, 16 << 20) == 0);
  ::munmap(at, bytes);
}

TEST_CASE("require_available refuses an unavailable size; the error contains the sizes") {
  CHECK(require_available(1) > 1);
  check_error([] { require_available(std::size_t{1} << 46); }, Errc::exhausted,
              {"70368744177664 bytes", "MemAvailable", "cgroup"});
}
