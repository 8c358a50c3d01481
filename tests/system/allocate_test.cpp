// SPDX-License-Identifier: Apache-2.0
// Context::allocate: buffers and AllocateOptions.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "symmem/extend/allocator.hpp"
#include "system/system.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

/// Returns the number of resident pages of `buffer` and its total number of pages.
std::pair<std::size_t, std::size_t> resident_pages(const Buffer<>& buffer) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> pages((buffer.size_bytes() + page - 1) / page);
  REQUIRE(::mincore(buffer.data(), buffer.size_bytes(), pages.data()) == 0);
  const auto resident = [](unsigned char flags) { return (flags & 1) != 0; };
  return {std::count_if(pages.begin(), pages.end(), resident), pages.size()};
}

}  // namespace

TEST_CASE("a buffer has the requested elements, and its owner frees it once") {
  Context context(options_of(0, 1));
  const auto allocator = context.get_allocator(DeviceType::host);
  auto buffer = context.allocate<double>(100);
  double* const at = buffer.data();
  CHECK(buffer.size() == 100);
  CHECK(buffer.size_bytes() == 800);
  CHECK(buffer.span().size() == 100);
  CHECK(buffer.device() == Device{});
  CHECK(allocator->get_alloc_size(at) == 800);

  auto moved = std::move(buffer);
  CHECK(moved.data() == at);
  CHECK(buffer.data() == nullptr);
  CHECK(buffer.size() == 0);
  CHECK_NOTHROW(buffer = {});
  CHECK(allocator->get_alloc_size(at) == 800);
  moved = context.allocate<double>(1);
  check_error([&] { allocator->get_alloc_size(at); }, Errc::invalid_argument,
              {"not symmetric memory"});
}

TEST_CASE("elements that exceed the address space are refused") {
  Context context(options_of(0, 1));
  check_error([&] { context.allocate<double>(SIZE_MAX / 4); }, Errc::exhausted,
              {"elements of 8 bytes", "address space"});
}

TEST_CASE("a buffer is aligned as requested in the mapping of every rank") {
  run_ranks(3, [](Context& context) {
    for (const std::size_t alignment : {std::size_t{1}, std::size_t{512}, std::size_t{4096}}) {
      // The next free range does not begin at a page.
      const auto before = context.allocate(100);
      const auto buffer = context.allocate(100, AllocateOptions{.alignment = alignment});
      const auto memory = context.rendezvous(buffer);
      for (int rank = 0; rank < context.world_size(); ++rank) {
        const auto address = reinterpret_cast<std::uintptr_t>(memory->peer(rank).mapped.data());
        CHECK(address % alignment == 0);
        CHECK(address % 256 == 0);
      }
      check_ring(*memory);
      memory->close();
    }
  });
}

TEST_CASE("an alignment that is not a power of two or exceeds a page is refused") {
  Context context(options_of(0, 1));
  for (const std::size_t alignment : {3, 8192})
    check_error([&] { context.allocate(100, AllocateOptions{.alignment = alignment}); },
                Errc::invalid_argument,
                {"alignment " + std::to_string(alignment) + " is not allowed"});
}

TEST_CASE("if one rank passes a moved-from Buffer, the rendezvous fails on all ranks") {
  const auto errors = errors_of_ranks(2, [](Context& context) {
    auto buffer = context.allocate(64);
    const auto moved = std::move(buffer);
    const auto& used = context.rank() == 0 ? buffer : moved;
    context.rendezvous(used);
  });
  for (const auto& error : errors)
    check_error(error, Errc::invalid_argument, {"rank 0", "moved from"});
}

TEST_CASE("if one rank passes another Context's Buffer, the rendezvous fails on all ranks") {
  Context other(options_of(0, 1));
  const auto foreign = other.allocate(64);
  const auto errors = errors_of_ranks(2, [&](Context& context) {
    const auto buffer = context.allocate(64);
    context.rendezvous(context.rank() == 0 ? foreign : buffer);
  });
  for (const auto& error : errors)
    check_error(error, Errc::invalid_argument, {"rank 0", "is not symmetric memory"});
}

TEST_CASE("populate makes all pages of a buffer resident and zero") {
  Context context(options_of(0, 1));
  // Each of these buffers has its own block.
  const auto plain = context.allocate(8 << 20);
  const auto populated = context.allocate(8 << 20, AllocateOptions{.populate = true});
  const auto [few, unused] = resident_pages(plain);
  const auto [resident, all] = resident_pages(populated);
  CHECK(few < all);
  CHECK(resident == all);
  const auto bytes = populated.span();
  CHECK(
      std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{}; }));
}

TEST_CASE("explain shows the name of the allocation") {
  Context context(options_of(0, 1));
  const auto named = context.allocate(64, AllocateOptions{.name = "halo rows"});
  CHECK(contains(context.rendezvous(named)->explain(), "\"world\", halo rows, 64 bytes on host"));
  CHECK(contains(context.rendezvous(allocate(context, 64))->explain(),
                 "\"world\", 64 bytes on host"));
}

TEST_CASE("errors show the name of the allocation") {
  Context context(options_of(0, 1));
  const auto buffer = context.allocate(64, AllocateOptions{.name = "halo rows"});
  const auto memory = context.rendezvous(buffer);
  std::byte byte{};
  check_error([&] { memory->put(0, 64, std::span(&byte, 1)); }, Errc::invalid_argument,
              {"exceed the buffer \"halo rows\""});
  memory->close();
  check_error([&] { memory->flush(); }, Errc::finished, {"memory \"halo rows\" of group"});
}
