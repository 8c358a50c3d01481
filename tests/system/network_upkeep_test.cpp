// SPDX-License-Identifier: Apache-2.0
#include <malloc.h>

#include <fstream>

#include "harness/network.hpp"
#include "system/system.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

void on_own_hosts(Options& options) { options.host_id = host_of(*options.rank); }

/// Returns the bytes of this process's heap that are in use; 0 under sanitizers, whose allocators
/// do not report it.
std::size_t heap_in_use() { return ::mallinfo2().uordblks; }
/// Limit in bytes for the heap growth of two ranks in 1,000 rendezvous. Caches drop expired entries
/// only when there are many, about 700 kB.
constexpr std::size_t kFlat = 1'000'000;

/// Runs and ends two Contexts that UCX connects.
void use_once() {
  run_threads(
      2,
      [](Context& context) {
        const auto buffer = allocate(context, 64);
        const auto memory = context.rendezvous(buffer);
        check_ring(*memory);
        memory->close();
      },
      on_own_hosts);
}

}  // namespace

TEST_CASE("two hundred Contexts that UCX connected leak nothing") {
  if (!can_use_ucx()) return;
  use_once();  // UCX never frees what its first use allocates.
  const Resources before = Resources::now();
  const std::size_t heap_before = heap_in_use();
  for (int i = 0; i < 100; ++i) use_once();
  CHECK(before.changes() == "");
  CHECK(heap_in_use() < heap_before + kFlat);
}

TEST_CASE("UCX opens no shared memory that would outlive a killed process") {
  if (!can_use_ucx()) return;
  run_threads(
      2,
      [](Context& context) {
        const auto buffer = allocate(context, 64);
        const auto memory = context.rendezvous(buffer);
        check_ring(*memory);
        std::ifstream maps("/proc/self/maps");
        for (std::string line; std::getline(maps, line);) {
          CHECK_MESSAGE(line.find("/dev/shm/") == std::string::npos, line);
          CHECK_MESSAGE(line.find("/SYSV") == std::string::npos, line);
        }
        memory->close();
      },
      on_own_hosts);
}

TEST_CASE("a thousand rendezvous and closes over one connection leak nothing") {
  if (!can_use_ucx()) return;
  run_threads(
      2,
      [](Context& context) {
        std::vector<std::byte> own(100'000);
        const int other = 1 - context.rank();
        const auto use = [&](SymmetricMemory& memory) {
          const int sent = context.rank();
          int got = -1;
          memory.put(other, 0, std::span(&sent, 1));
          memory.barrier();
          memory.get(other, 0, std::span(&got, 1));
          CHECK(got == sent);
          memory.close();
        };
        const auto once = [&] {
          // First memory that symmem did not allocate, then a range of a shared block.
          use(*context.rendezvous(std::span(own)));
          use(*context.rendezvous(allocate(context, 64)));
        };
        once();
        await_all(context, "begin");
        const Resources before = Resources::now();
        const std::size_t heap_before = heap_in_use();
        await_all(context, "measured");
        for (int i = 0; i < 500; ++i) once();
        await_all(context, "end");
        CHECK(before.changes() == "");
        CHECK(heap_in_use() < heap_before + kFlat);
        await_all(context, "measured again");
      },
      on_own_hosts);
}
