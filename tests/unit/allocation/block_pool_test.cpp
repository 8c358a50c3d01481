// SPDX-License-Identifier: Apache-2.0
#include "allocation/block_pool.hpp"

#include <doctest/doctest.h>

#include <set>
#include <thread>

#include "base/check.hpp"
#include "harness/errors.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

constexpr std::size_t kBlock = 4096;

/// Makes blocks of plain memory and counts them.
class FakeMaker : public BlockMaker {
 public:
  struct Made : Block {
    Made(BlockId block_id, std::size_t size, FakeMaker& maker)
        : Block(block_id, new std::byte[size], size, {}, -1), maker_(maker) {
      ++maker_.living;
    }
    ~Made() override {
      --maker_.living;
      delete[] base;
    }
    FakeMaker& maker_;
  };
  DeviceType device_type() const override { return DeviceType::host; }
  std::shared_ptr<Block> make(BlockId id, std::size_t bytes, int) override {
    require(!fails, Errc::exhausted, "no more");
    ++made;
    return std::make_shared<Made>(id, bytes, *this);
  }
  int made = 0, living = 0;
  bool fails = false;
};

struct Fixture {
  std::shared_ptr<FakeMaker> maker = std::make_shared<FakeMaker>();
  BlockIds ids{1};
  BlockPool pool{*maker, ids, 0, kBlock + Block::kTokenBytes};
};

}  // namespace

TEST_CASE("small ranges share a block, are aligned and do not overlap") {
  Fixture f;
  std::set<std::byte*> places;
  std::vector<Range> ranges;
  for (int i = 0; i < 16; ++i) {
    ranges.push_back(f.pool.take(200));
    CHECK(ranges.back().kept);
    CHECK(ranges.back().offset % BlockPool::kAlignment == 0);
    CHECK(ranges.back().bytes == 256);
    CHECK(places.insert(ranges.back().pointer()).second);
  }
  CHECK(f.maker->made == 1);
  ranges.push_back(f.pool.take(1));
  CHECK(f.maker->made == 2);
  CHECK(ranges.back().block->id != ranges[0].block->id);
}

TEST_CASE("an empty range has a unique address") {
  Fixture f;
  const Range one = f.pool.take(0), two = f.pool.take(0);
  CHECK(one.pointer() != two.pointer());
  CHECK(one.bytes > 0);
}

TEST_CASE("a range larger than half a block has its own block, which is freed with the range") {
  Fixture f;
  {
    const Range half = f.pool.take(kBlock / 2);
    CHECK(half.kept);
    const Range large = f.pool.take(kBlock / 2 + 1);
    CHECK_FALSE(large.kept);
    CHECK(large.offset == 0);
    CHECK(large.block->bytes == kBlock / 2 + 256);
    const Range huge = f.pool.take(10 * kBlock);
    CHECK(f.maker->living == 3);
    f.pool.give_back(huge);  // Does nothing: the last Range frees the block.
    CHECK(f.maker->living == 3);
  }
  CHECK(f.maker->living == 1);  // The shared block remains.
}

TEST_CASE("ranges begin at the requested alignment") {
  Fixture f;
  const Range first = f.pool.take(256);
  const Range aligned = f.pool.take(256, 1024);
  CHECK(aligned.offset == 1024);
  CHECK(f.pool.take(256).offset == 256);  // The gap is reused.
  CHECK(f.pool.take(256, 1).offset == 512);
  CHECK(f.maker->made == 1);
}

TEST_CASE("an alignment that is not a power of two or is too large is refused") {
  Fixture f;
  for (const std::size_t alignment : {std::size_t{0}, std::size_t{3}, std::size_t{8192}})
    check_error([&] { f.pool.take(1, alignment); }, Errc::invalid_argument,
                {"alignment " + std::to_string(alignment), "power of two up to 4096"});
}

TEST_CASE("returned ranges are reused in the same block") {
  Fixture f;
  std::vector<Range> ranges;
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 16; ++i) ranges.push_back(f.pool.take(256));
    for (const Range& range : ranges) f.pool.give_back(range);
    ranges.clear();
  }
  CHECK(f.maker->made == 1);
}

TEST_CASE("a block stays mapped while one of its ranges lives, even after the pool is destroyed") {
  auto maker = std::make_shared<FakeMaker>();
  BlockIds ids(1);
  Range range;
  {
    BlockPool pool(*maker, ids, 0, kBlock);
    range = pool.take(10);
  }
  CHECK(maker->living == 1);
  *range.pointer() = std::byte{1};
  range = {};
  CHECK(maker->living == 0);
}

TEST_CASE("a failed block allocation or an overflowing size does not change the pool") {
  Fixture f;
  f.maker->fails = true;
  check_error([&] { f.pool.take(10); }, Errc::exhausted);
  check_error([&] { f.pool.take(kBlock); }, Errc::exhausted);
  f.maker->fails = false;
  check_error([&] { f.pool.take(SIZE_MAX); }, Errc::exhausted, {"more than the address space"});
  CHECK(f.pool.take(10).offset == 0);
}

TEST_CASE("block ids are unique across threads") {
  BlockIds ids(42);
  std::vector<std::vector<BlockId>> got(4);
  std::vector<std::thread> threads;
  for (auto& mine : got)
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) mine.push_back(ids.next());
    });
  for (std::thread& thread : threads) thread.join();
  std::set<BlockId> all;
  for (const auto& mine : got) all.insert(mine.begin(), mine.end());
  CHECK(all.size() == 4000);
  CHECK(all.begin()->process == 42);
}
