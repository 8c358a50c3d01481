// SPDX-License-Identifier: Apache-2.0
#include <fstream>

#include "system/local_transport.hpp"
#include "system/system.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

/// Mappings of symmetric memory in this process, of all its Contexts.
int count_mappings() {
  int count = 0;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) count += line.find("memfd:symmem") != line.npos;
  return count;
}

}  // namespace

TEST_CASE("a thousand small tensors share a few mappings, here and at the peer") {
  run_threads(2, [](Context& context) {
    std::vector<Tensor> tensors;
    std::vector<std::shared_ptr<SymmetricMemory>> memories;
    for (int i = 0; i < 1000; ++i) {
      tensors.push_back(bytes_tensor(context, 4096));
      memories.push_back(context.rendezvous(tensors.back()));
    }
    meet(context, "all");
    // 4 MiB of tensors and, at 2 ranks, 2112 bytes of pad each: blocks of 2 MiB, mapped by their
    // owner and by the peer, for two ranks in this process.
    if (context.rank() == 0) CHECK(count_mappings() <= 2 * 2 * (3 + 2));
    meet(context, "counted");
    for (int i = 0; i < 1000; i += 99)
      check_ring(*memories[static_cast<std::size_t>(i)], tensors[static_cast<std::size_t>(i)]);
    for (const auto& memory : memories) memory->close();
  });
}

TEST_CASE("a second tensor in a block costs neither export nor attach") {
  const auto counts = std::make_shared<Counts>();
  run_threads(
      3,
      [&](Context& context) {
        const auto transport = std::make_shared<LocalTransport>("mine");
        transport->counts = counts;
        context.register_transport(DeviceType::host, transport);
        const Tensor first = bytes_tensor(context, 100);
        const auto memory = context.rendezvous(first);
        meet(context, "first");
        const int exports = counts->exports, attaches = counts->attaches;
        CHECK(exports == 2 * 3);       // A block of buffers and one of pads, on each rank,
        CHECK(attaches == 2 * 3 * 2);  // attached by each of the two others.
        meet(context, "counted");
        const Tensor second = bytes_tensor(context, 100);
        const auto other = context.rendezvous(second);
        check_ring(*memory, first);
        check_ring(*other, second);
        CHECK(counts->exports == exports);
        CHECK(counts->attaches == attaches);
        meet(context, "end");
      },
      [](Options& options) { options.transports = {"mine"}; });
  CHECK(counts->living_exports == 0);
  CHECK(counts->living_attachments == 0);
}

TEST_CASE("a large tensor has a block of its own, which goes with it") {
  run_threads(2, [](Context& context) {
    // The pads' block stays.
    context.rendezvous(bytes_tensor(context, 8))->close();
    meet(context, "before");
    const int before = count_mappings();
    meet(context, "counted");
    {
      const Tensor tensor = bytes_tensor(context, 5 << 20);
      const auto memory = context.rendezvous(tensor);
      check_ring(*memory, tensor);
      meet(context, "mapped");
      CHECK(count_mappings() == before + 4);
      meet(context, "seen");
      memory->close();
    }
    meet(context, "closed");
    CHECK(count_mappings() == before);
    meet(context, "end");
  });
}

TEST_CASE("a thousand allocations, rendezvous and closes leave nothing behind") {
  run_threads(2, [](Context& context) {
    const auto cycle = [&](std::int64_t bytes) {
      const Tensor tensor = bytes_tensor(context, bytes);
      const auto memory = context.rendezvous(tensor);
      check_ring(*memory, tensor);
      memory->close();
    };
    for (int i = 0; i < 3; ++i) cycle(4096), cycle(2 << 20);
    meet(context, "warm");
    const Resources before = Resources::now();
    meet(context, "measured");
    for (int i = 0; i < 500; ++i) cycle(4096), cycle(2 << 20);
    meet(context, "done");
    CHECK(before.changes() == "");
    meet(context, "end");
  });
}

TEST_CASE("Contexts that come and go leave nothing behind") {
  const auto life = [] {
    run_threads(3, [](Context& context) {
      const Tensor small = bytes_tensor(context, 100), large = bytes_tensor(context, 3 << 20);
      const auto memory = context.rendezvous(small);
      check_ring(*context.rendezvous(large), large);
      if (context.rank() == 1) memory->put_signal(0, 0);
      meet(context, "end");
    });
  };
  life();
  const Resources before = Resources::now();
  for (int i = 0; i < 10; ++i) life();
  CHECK(before.changes() == "");
}

TEST_CASE("groups that come and go leave nothing behind") {
  run_threads(2, [](Context& context) {
    const auto life = [&] {
      context.set_group_info("brief", context.rank(), 2, store_of(context));
      const Tensor tensor = bytes_tensor(context, 100, "brief");
      check_ring(*context.rendezvous(tensor), tensor);
      context.end_group("brief");
    };
    life();
    meet(context, "warm");
    const Resources before = Resources::now();
    const auto keys = store_of(context)->num_keys();
    meet(context, "measured");
    for (int i = 0; i < 50; ++i) life();
    meet(context, "done");
    CHECK(before.changes() == "");
    CHECK(store_of(context)->num_keys() == keys);
    meet(context, "end");
  });
}

TEST_CASE("ranks of which some have a block of their own and some a shared one meet") {
  run_threads(
      3,
      [](Context& context) {
        for (int i = 0; i < 2; ++i) {
          const Tensor tensor = bytes_tensor(context, 1 << 20);
          const auto memory = context.rendezvous(tensor);
          check_ring(*memory, tensor);
          memory->close();
        }
      },
      [](Options& options) { options.block_size = options.rank == 0 ? 1 << 20 : 8 << 20; });
}
