// SPDX-License-Identifier: Apache-2.0
#include "context/persistent.hpp"

#include <doctest/doctest.h>

#include <utility>

#include "harness/errors.hpp"
#include "system/plain_allocator.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

class FailingOnce : public PlainAllocator {
 public:
  bool fails = false;
  void* alloc(std::size_t bytes, int device_index, const std::string& group) override {
    if (std::exchange(fails, false)) throw Error(Errc::exhausted, "no more");
    return PlainAllocator::alloc(bytes, device_index, group);
  }
};

struct Fixture {
  std::shared_ptr<void> take(std::uint64_t id, std::size_t bytes = 8,
                             const std::string& group = "g") {
    return persistent.take(DeviceType::host, {.bytes = bytes, .group_name = group, .id = id},
                           allocator);
  }
  std::shared_ptr<FailingOnce> allocator = std::make_shared<FailingOnce>();
  Persistent persistent;
};

}  // namespace

TEST_CASE(
    "take allocates memory once per id and returns the same memory again when it has no owner") {
  Fixture f;
  void* const at = f.take(1).get();
  CHECK(f.allocator->allocations == 1);
  for (int i = 0; i < 3; ++i) CHECK(f.take(1).get() == at);
  CHECK(f.allocator->allocations == 1);
  CHECK(f.take(2).get() != at);
  CHECK(f.allocator->allocations == 2);
}

TEST_CASE("an id is refused while the owner of its memory or a copy of the owner exists") {
  Fixture f;
  auto storage = f.take(1);
  auto copy = storage;
  storage.reset();
  check_error([&] { f.take(1); }, Errc::invalid_argument, {"still active", "alloc_id 1"});
  copy.reset();
  CHECK_NOTHROW(f.take(1));
}

TEST_CASE(
    "a request that differs from the first for its id is refused, and the error contains both "
    "values") {
  Fixture f;
  f.take(1);
  check_error([&] { f.take(1, 9); }, Errc::invalid_argument, {"bytes 8", "9"});
  check_error([&] { f.take(1, 8, "h"); }, Errc::invalid_argument, {"group g", "h"});
  CHECK_NOTHROW(f.take(1));
}

TEST_CASE("forgetting a group frees its memory once the memory has no owner") {
  Fixture f;
  f.take(1);
  auto storage = f.take(2);
  f.take(3, 8, "other");
  f.persistent.forget_group("g");
  CHECK(f.allocator->allocations == 2);
  CHECK(f.take(2, 16).get() != storage.get());  // A new allocation, with another size.
  storage.reset();
  CHECK(f.allocator->allocations == 2);
}

TEST_CASE("an id stays unused if its allocation fails") {
  Fixture f;
  f.allocator->fails = true;
  check_error([&] { f.take(1, 100); }, Errc::exhausted, {"no more"});
  CHECK_NOTHROW(f.take(1));
}
