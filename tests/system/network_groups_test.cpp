// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "harness/network.hpp"
#include "system/system.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

using Bytes = std::vector<std::byte>;

constexpr int kRanks = 4;
constexpr std::chrono::milliseconds kPollOnce{0};

void on_own_hosts(Options& options) { options.host_id = host_of(*options.rank); }

/// This rank's buffer and SymmetricMemory in one group.
struct Part {
  Buffer<> buffer;
  std::shared_ptr<SymmetricMemory> memory;
};

/// Makes a rendezvous in each group that contains this rank. Each of `groups` lists world ranks.
std::vector<Part> take_part(Context& context, const std::vector<std::vector<int>>& groups) {
  std::vector<Part> parts;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const auto& members = groups[i];
    const auto found = std::find(members.begin(), members.end(), context.rank());
    if (found == members.end()) continue;
    const std::string name = "group" + std::to_string(i);
    context.set_group_info(name, static_cast<int>(found - members.begin()),
                           static_cast<int>(members.size()), store_of(context));
    Part& part = parts.emplace_back(Part{allocate(context, 64, name), nullptr});
    part.memory = context.rendezvous(part.buffer);
  }
  return parts;
}

}  // namespace

TEST_CASE("groups that share ranks work at the same time over ucx") {
  if (!can_use_ucx()) return;
  run_threads(
      kRanks,
      [](Context& context) {
        const auto parts =
            take_part(context, {{0, 1}, {1, 2}, {2, 3}, {3, 0}, {2, 0, 1}, {3, 2, 1, 0}});
        for (const Part& part : parts)
          for (int i = 0; i < 2; ++i)
            part.memory->put_signal((part.memory->rank() + 1) % part.memory->world_size(), i);
        // Each group counts its signals separately, although all groups use one connection.
        for (const Part& part : parts) {
          const int size = part.memory->world_size();
          const int previous = (part.memory->rank() + size - 1) % size;
          for (int i = 0; i < 2; ++i) part.memory->wait_signal(previous, i);
          check_error([&] { part.memory->wait_signal(previous, 0, kPollOnce); }, Errc::timeout);
        }
        for (const Part& part : parts) check_ring(*part.memory);
        for (const Part& part : parts) part.memory->close();
      },
      on_own_hosts);
}

TEST_CASE("end_group of one group keeps the connections that other groups use") {
  if (!can_use_ucx()) return;
  run_threads(
      3,
      [](Context& context) {
        auto parts = take_part(context, {{0, 1, 2}, {2, 1, 0}});
        context.end_group("group0");
        check_ring(*parts[1].memory);
        const auto buffer = allocate(context, 64);
        const auto world = context.rendezvous(buffer);
        check_ring(*world);
        parts[1].memory->close();
        world->close();
      },
      on_own_hosts);
}

TEST_CASE("end_group completes puts that were not flushed") {
  if (!can_use_ucx()) return;
  run_ranks(
      2,
      [](Context& context) {
        constexpr std::size_t kPuts = 2000, kBytes = 4096;
        context.set_group_info("pair", context.rank(), 2, store_of(context));
        const auto buffer = allocate(context, kPuts * kBytes, "pair");
        const auto memory = context.rendezvous(buffer);
        memory->barrier();
        const Bytes sent(kBytes, std::byte{'x'});
        if (context.rank() == 0)
          for (std::size_t i = 0; i < kPuts; ++i) memory->put_nbi(1, i * kBytes, sent);
        context.end_group("pair");
        const auto got = buffer.span();
        CHECK(std::count(got.begin(), got.end(), std::byte{'x'}) ==
              (context.rank() == 1 ? kPuts * kBytes : 0));
      },
      on_hosts(2));
}
