// SPDX-License-Identifier: Apache-2.0
#include "allocation/free_ranges.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

using namespace symmem;

TEST_CASE("ranges are allocated first fit, and returned neighbours merge") {
  FreeRanges ranges(100);
  CHECK(ranges.take(40) == 0u);
  CHECK(ranges.take(40) == 40u);
  CHECK_FALSE(ranges.take(40));
  CHECK(ranges.take(20) == 80u);
  CHECK_FALSE(ranges.take(1));
  ranges.give_back(0, 40);
  ranges.give_back(80, 20);
  CHECK_FALSE(ranges.take(60));
  ranges.give_back(40, 40);
  CHECK(ranges.take(100) == 0u);
}

TEST_CASE("random allocations are first fit, inside the block, and do not overlap") {
  constexpr std::size_t kBytes = 200;
  std::mt19937 random(17);
  FreeRanges ranges(kBytes);
  std::string model(kBytes, '.');  // '#' marks a taken byte.
  std::vector<std::pair<std::size_t, std::size_t>> taken;
  for (int i = 0; i < 20'000; ++i) {
    if (random() % 2 == 0 || taken.empty()) {
      const std::size_t bytes = 1 + random() % 40;
      const auto offset = ranges.take(bytes);
      // The first free range that is large enough, if any.
      const std::size_t expected = model.find(std::string(bytes, '.'));
      REQUIRE(offset.value_or(std::string::npos) == expected);
      if (!offset) continue;
      model.replace(*offset, bytes, bytes, '#');
      taken.emplace_back(*offset, bytes);
    } else {
      const std::size_t which = random() % taken.size();
      const auto [offset, bytes] = taken[which];
      ranges.give_back(offset, bytes);
      model.replace(offset, bytes, bytes, '.');
      taken.erase(taken.begin() + static_cast<std::ptrdiff_t>(which));
    }
  }
  for (const auto& [offset, bytes] : taken) ranges.give_back(offset, bytes);
  CHECK(ranges.take(kBytes) == 0u);
}
