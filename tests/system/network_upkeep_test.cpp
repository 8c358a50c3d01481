// SPDX-License-Identifier: Apache-2.0
#include <malloc.h>

#include <fstream>

#include "harness/network.hpp"
#include "system/system.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

void on_own_hosts(Options& options) { options.host_id = host_of(*options.rank); }

/// Of a process; 0 under sanitizers, whose allocators do not tell.
std::size_t heap_in_use() { return ::mallinfo2().uordblks; }
/// What two ranks' heap may grow by in 1,000 rendezvous of both: entries of what is gone stay until
/// there are many, some 700 kB.
constexpr std::size_t kFlat = 1'000'000;

/// Two Contexts that meet by UCX, work and end.
void meet_once() {
  run_threads(
      2,
      [](Context& context) {
        const Tensor tensor = bytes_tensor(context, 64);
        const auto memory = context.rendezvous(tensor);
        check_ring(*memory, tensor);
        memory->close();
      },
      on_own_hosts);
}

}  // namespace

TEST_CASE("two hundred Contexts that met by UCX and ended leave nothing") {
  if (!can_use_ucx()) return;
  meet_once();  // UCX keeps some things for ever.
  const Resources before = Resources::now();
  const std::size_t heap_before = heap_in_use();
  for (int i = 0; i < 100; ++i) meet_once();
  CHECK(before.changes() == "");
  CHECK(heap_in_use() < heap_before + kFlat);
}

TEST_CASE("UCX opens nothing that stays behind a killed process") {
  if (!can_use_ucx()) return;
  run_threads(
      2,
      [](Context& context) {
        const Tensor tensor = bytes_tensor(context, 64);
        const auto memory = context.rendezvous(tensor);
        check_ring(*memory, tensor);
        std::ifstream maps("/proc/self/maps");
        for (std::string line; std::getline(maps, line);) {
          CHECK_MESSAGE(line.find("/dev/shm/") == std::string::npos, line);
          CHECK_MESSAGE(line.find("/SYSV") == std::string::npos, line);
        }
        memory->close();
      },
      on_own_hosts);
}

TEST_CASE("a thousand rendezvous and closes over one connection leave nothing") {
  if (!can_use_ucx()) return;
  run_threads(
      2,
      [](Context& context) {
        std::vector<char> own(100'000);
        const int other = 1 - context.rank();
        const auto use = [&](SymmetricMemory& memory) {
          const int sent = context.rank();
          int got = -1;
          memory.put(other, 0, &sent, sizeof sent);
          memory.barrier();
          memory.get(other, 0, &got, sizeof got);
          CHECK(got == sent);
          memory.close();
        };
        const auto once = [&] {
          // A block of its own, then a range of one that is shared.
          use(*context.register_buffer(own.data(), own.size(), {}, kWorld));
          use(*context.rendezvous(bytes_tensor(context, 64)));
        };
        once();
        meet(context, "begin");
        const Resources before = Resources::now();
        const std::size_t heap_before = heap_in_use();
        meet(context, "measured");
        for (int i = 0; i < 500; ++i) once();
        meet(context, "end");
        CHECK(before.changes() == "");
        CHECK(heap_in_use() < heap_before + kFlat);
        meet(context, "measured again");
      },
      on_own_hosts);
}
