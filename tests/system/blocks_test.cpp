// SPDX-License-Identifier: Apache-2.0
#include <fstream>

#include "system/local_transport.hpp"
#include "system/system.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

/// Returns how many mappings of symmetric memory all Contexts of this process have together.
int count_mappings() {
  int count = 0;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) count += line.find("memfd:symmem") != line.npos;
  return count;
}

}  // namespace

TEST_CASE("a thousand small buffers share a few mappings, in the owner and in the peer") {
  run_threads(2, [](Context& context) {
    std::vector<Buffer<>> buffers;
    std::vector<std::shared_ptr<SymmetricMemory>> memories;
    for (int i = 0; i < 1000; ++i) {
      buffers.push_back(allocate(context, 4096));
      memories.push_back(context.rendezvous(buffers.back()));
    }
    await_all(context, "all");
    // 4 MiB of buffers and, with 2 ranks, 2112 bytes of pad for each buffer: blocks of 2 MiB,
    // mapped by owner and peer, for two ranks in this process.
    if (context.rank() == 0) CHECK(count_mappings() <= 2 * 2 * (3 + 2));
    await_all(context, "counted");
    for (int i = 0; i < 1000; i += 99) check_ring(*memories[static_cast<std::size_t>(i)]);
    for (const auto& memory : memories) memory->close();
  });
}

TEST_CASE("a rendezvous of a second buffer in a block neither exports nor attaches") {
  const auto counts = std::make_shared<Counts>();
  run_threads(
      3,
      [&](Context& context) {
        const auto transport = std::make_shared<LocalTransport>("mine");
        transport->counts = counts;
        context.register_transport(DeviceType::host, transport);
        const auto first = allocate(context, 100);
        const auto memory = context.rendezvous(first);
        await_all(context, "first");
        const int exports = counts->exports, attaches = counts->attaches;
        CHECK(exports == 2 * 3);       // Each rank exports a block of buffers and one of pads.
        CHECK(attaches == 2 * 3 * 2);  // The two other ranks attach each block.
        await_all(context, "counted");
        const auto second = allocate(context, 100);
        const auto other = context.rendezvous(second);
        check_ring(*memory);
        check_ring(*other);
        CHECK(counts->exports == exports);
        CHECK(counts->attaches == attaches);
        await_all(context, "end");
      },
      [](Options& options) { options.transports = {"mine"}; });
  CHECK(counts->living_exports == 0);
  CHECK(counts->living_attachments == 0);
}

TEST_CASE("a large buffer has its own block, which is unmapped when the buffer is freed") {
  run_threads(2, [](Context& context) {
    // The first rendezvous maps the block of the signal pads, which stays mapped.
    context.rendezvous(allocate(context, 8))->close();
    await_all(context, "before");
    const int before = count_mappings();
    await_all(context, "counted");
    {
      const auto buffer = allocate(context, 5 << 20);
      const auto memory = context.rendezvous(buffer);
      check_ring(*memory);
      await_all(context, "mapped");
      CHECK(count_mappings() == before + 4);
      await_all(context, "seen");
      memory->close();
    }
    await_all(context, "closed");
    CHECK(count_mappings() == before);
    await_all(context, "end");
  });
}

TEST_CASE("a thousand allocations, rendezvous and closes leak nothing") {
  run_threads(2, [](Context& context) {
    const auto cycle = [&](std::size_t bytes) {
      const auto buffer = allocate(context, bytes);
      const auto memory = context.rendezvous(buffer);
      check_ring(*memory);
      memory->close();
    };
    for (int i = 0; i < 3; ++i) cycle(4096), cycle(2 << 20);
    await_all(context, "warm");
    const Resources before = Resources::now();
    await_all(context, "measured");
    for (int i = 0; i < 500; ++i) cycle(4096), cycle(2 << 20);
    await_all(context, "done");
    CHECK(before.changes() == "");
    await_all(context, "end");
  });
}

TEST_CASE("making and destroying Contexts leaks nothing") {
  const auto make_and_destroy = [] {
    run_threads(3, [](Context& context) {
      const auto small = allocate(context, 100), large = allocate(context, 3 << 20);
      const auto memory = context.rendezvous(small);
      check_ring(*context.rendezvous(large));
      if (context.rank() == 1) memory->put_signal(0, 0);
      await_all(context, "end");
    });
  };
  make_and_destroy();
  const Resources before = Resources::now();
  for (int i = 0; i < 10; ++i) make_and_destroy();
  CHECK(before.changes() == "");
}

TEST_CASE("making and ending groups leaks nothing") {
  run_threads(2, [](Context& context) {
    const auto make_and_end = [&] {
      context.set_group_info("brief", context.rank(), 2, store_of(context));
      const auto buffer = allocate(context, 100, "brief");
      check_ring(*context.rendezvous(buffer));
      context.end_group("brief");
    };
    make_and_end();
    await_all(context, "warm");
    const Resources before = Resources::now();
    const auto keys = store_of(context)->num_keys();
    await_all(context, "measured");
    for (int i = 0; i < 50; ++i) make_and_end();
    await_all(context, "done");
    CHECK(before.changes() == "");
    CHECK(store_of(context)->num_keys() == keys);
    await_all(context, "end");
  });
}

TEST_CASE("a buffer may have its own block on one rank and share a block on another") {
  run_threads(
      3,
      [](Context& context) {
        for (int i = 0; i < 2; ++i) {
          const auto buffer = allocate(context, 1 << 20);
          const auto memory = context.rendezvous(buffer);
          check_ring(*memory);
          memory->close();
        }
      },
      [](Options& options) { options.block_size = options.rank == 0 ? 1 << 20 : 8 << 20; });
}
