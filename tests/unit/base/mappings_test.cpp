// SPDX-License-Identifier: Apache-2.0
#include "base/mappings.hpp"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <vector>

using namespace symmem;

TEST_CASE("is_mapped returns whether all bytes of a range can be read and written") {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* const mapped =
      ::mmap(nullptr, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(mapped != MAP_FAILED);
  auto* const at = static_cast<char*>(mapped);
  CHECK(is_mapped(at, 4 * page));
  CHECK(is_mapped(at + 1, 1));
  CHECK(is_mapped(at, 0));
  REQUIRE(::mprotect(at + page, page, PROT_READ) == 0);
  CHECK(is_mapped(at, page));
  CHECK(!is_mapped(at, page + 1));
  CHECK(!is_mapped(at + page, 1));
  CHECK(is_mapped(at + 2 * page, 2 * page));
  REQUIRE(::munmap(at + 3 * page, page) == 0);
  CHECK(is_mapped(at + 2 * page, page));
  CHECK(!is_mapped(at + 3 * page - 1, 2));
  CHECK(!is_mapped(reinterpret_cast<const void*>(std::uintptr_t{0x10000}), 4096));
  CHECK(::munmap(at, 3 * page) == 0);
  const std::vector<char> heap(100);
  CHECK(is_mapped(heap.data(), heap.size()));
}
