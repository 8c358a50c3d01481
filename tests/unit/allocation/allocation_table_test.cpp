// SPDX-License-Identifier: Apache-2.0
#include "allocation/allocation_table.hpp"

#include <doctest/doctest.h>

#include "blocks/host_block.hpp"
#include "harness/errors.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

/// Returns a placeholder for the result of a rendezvous; the table only counts references to it.
std::shared_ptr<SymmetricMemory> memory_of(int& anchor) {
  return std::shared_ptr<SymmetricMemory>(std::make_shared<int>(1),
                                          reinterpret_cast<SymmetricMemory*>(&anchor));
}

struct Fixture {
  void* add(std::size_t bytes = 100) {
    return table.add({.pool = pool,
                      .range = pool->take(bytes),
                      .bytes = bytes,
                      .group = "g",
                      .name = "named",
                      .id = {}});
  }
  /// Returns whether the range at `at` was returned to the pool: the pool then allocates this range
  /// next.
  bool reused(void* at) {
    const Range next = pool->take(100);
    const bool same = next.pointer() == at;
    pool->give_back(next);
    return same;
  }

  BlockIds ids{1};
  std::unique_ptr<BlockMaker> maker = make_host_block_maker();
  std::shared_ptr<BlockPool> pool = std::make_shared<BlockPool>(*maker, ids, 0, 64 << 10);
  AllocationTable table;
  int anchor = 0;
};

using Freed = AllocationTable::Freed;

}  // namespace

TEST_CASE(
    "info returns an allocation for a pointer into the allocation and nothing for other pointers") {
  Fixture f;
  auto* const at = static_cast<std::byte*>(f.add());
  const auto info = f.table.info(at + 99);
  REQUIRE(info.has_value());
  CHECK(info->bytes == 100);
  CHECK(info->group == "g");
  CHECK_FALSE(f.table.info(at + 256).has_value());
  CHECK_FALSE(f.table.info(at - 1).has_value());
  CHECK(f.table.free(at + 1) == Freed::unknown);
}

TEST_CASE("freeing an allocation that no group uses returns the range to the pool") {
  Fixture f;
  void* const at = f.add();
  CHECK(f.table.free(at) == Freed::yes);
  CHECK(f.table.free(at) == Freed::unknown);
  CHECK_FALSE(f.table.is_rendezvoused(at).has_value());
  CHECK(f.reused(at));
}

TEST_CASE("free refuses an allocation with an owner") {
  Fixture f;
  void* const at = f.add();
  CHECK(f.table.set_owned(at, true));
  CHECK(f.table.free(at) == Freed::owned);
  CHECK(f.table.set_owned(at, false));
  CHECK(f.table.free(at) == Freed::yes);
  CHECK_FALSE(f.table.set_owned(at, true));
}

TEST_CASE("a range is not reused until every group has released it") {
  Fixture f;
  void* const at = f.add();
  AllocationUse one = f.table.use(at, "g"), two = f.table.use(at, "h");
  CHECK(f.table.is_rendezvoused(at) == false);  // No rendezvous has succeeded yet.
  const auto memory = memory_of(f.anchor);
  one.set_memory(memory);
  CHECK(f.table.is_rendezvoused(at) == true);
  CHECK(f.table.memory(at, "") == memory);
  CHECK(f.table.memory(at, "h") == nullptr);
  CHECK(f.table.free(at) == Freed::yes);
  CHECK(f.table.memory(at, "g") == nullptr);
  one.release(/*reusable=*/true);
  CHECK_FALSE(f.reused(at));
  two.release(/*reusable=*/true);
  CHECK(f.reused(at));
}

TEST_CASE("a second use by the same group is refused and does not change the first use") {
  Fixture f;
  void* const at = f.add();
  AllocationUse use = f.table.use(at, "g");
  const auto memory = memory_of(f.anchor);
  use.set_memory(memory);
  check_error([&] { f.table.use(at, "g"); }, Errc::invalid_argument, {"another thread"});
  CHECK(f.table.memory(at, "g") == memory);
}

TEST_CASE("the destructor of a use makes the range reusable, unless peers may access the range") {
  Fixture f;
  void* const first = f.add();
  { const AllocationUse use = f.table.use(first, "g"); }
  CHECK(f.table.free(first) == Freed::yes);
  CHECK(f.reused(first));

  void* const second = f.add();
  {
    AllocationUse use = f.table.use(second, "g");
    use.mark_shared();
  }
  CHECK(f.table.free(second) == Freed::yes);
  CHECK_FALSE(f.reused(second));
  f.table.release_quarantined();
  CHECK(f.reused(second));
}

TEST_CASE("an allocation from add_for ends with its use and stays mapped while quarantined") {
  Fixture f;
  const auto block = make_host_block_maker()->make({1, 99}, 4096, 0);
  const auto add = [&] {
    return f.table.add_for({.pool = nullptr,
                            .range = {block, false, 0, 4096},
                            .bytes = 4096,
                            .group = "g",
                            .name = {},
                            .id = {}},
                           "g");
  };
  add().release(/*reusable=*/true);
  CHECK(block.use_count() == 1);
  add().release(/*reusable=*/false);
  CHECK(block.use_count() == 2);
  f.table.release_quarantined();
  CHECK(block.use_count() == 1);
}
