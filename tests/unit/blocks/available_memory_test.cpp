// SPDX-License-Identifier: Apache-2.0
#include "blocks/available_memory.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

using namespace symmem;

TEST_CASE("the available memory does not exceed the physical memory of the host") {
  const AvailableMemory available = available_memory();
  const auto all = static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES)) *
                   static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  REQUIRE(available.host);
  CHECK(*available.host > 0);
  CHECK(*available.host <= all);
}
