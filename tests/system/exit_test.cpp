// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "system/plain_allocator.hpp"
#include "system/system.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

/// Joins and uses the default Context. Returns a SymmetricMemory that is not closed.
std::shared_ptr<SymmetricMemory> use_default_context() {
  static Tensor tensor;  // Exists until exit, like a global of an application.
  init();
  tensor = empty_strided_p2p({64}, {1}, kUint8);
  auto memory = rendezvous(tensor);
  CHECK(get_symmetric_memory(tensor) == memory);
  CHECK(get_group_info(kWorld).world_size == memory->world_size());
  check_ring(*memory);
  return memory;
}

/// Returns whether every call of the default Context and of its `memory` throws Error(finished).
bool all_calls_are_finished(SymmetricMemory& memory) {
  Context& context = default_context();
  alignas(8) std::byte own[8] = {};
  const Buffer<> buffer;
  const auto type = DeviceType::host;
  const std::vector<std::function<void()>> calls{
      [&] { allocate(context, 8); },
      [&] { context.rendezvous(buffer); },
      [&] { context.rendezvous(std::span(own)); },
      [&] { get_symmetric_memory(Tensor()); },
      [&] { context.get_allocator(type); },
      [&] { context.register_allocator(type, std::make_shared<PlainAllocator>()); },
      [&] { context.register_transport(type, nullptr); },
      [&] { context.set_group_info("g", 0, 1, make_hash_store()); },
      [&] { context.get_group_info(kWorld); },
      [&] { context.end_group(kWorld); },
      [&] { memory.put(0, 0, std::span(own)); },
      [&] { memory.put_signal(0, 0); },
      [&] { memory.wait_signal(0, 0); },
      [&] { memory.barrier(); },
      [&] { memory.close(); },
  };
  return std::all_of(calls.begin(), calls.end(), [](const auto& call) {
    const auto error = error_of(call);
    return error && error->code() == Errc::finished && contains(error->what(), "Context has ended");
  });
}

}  // namespace

TEST_CASE("ranks that use the default Context may exit without close, rank 0 first") {
  run_ranks(3, [](RankProcess& self) {
    use_default_context();
    CHECK_FALSE(is_finalizing());
    // The harness then exits the processes: the other ranks exit once rank 0 has begun to.
    if (self.rank == 0) self.control.set("rank 0 exits", "");
    if (self.rank != 0) self.control.get("rank 0 exits");
  });
}

TEST_CASE("ranks may exit without close, rank 0 last or all at the same time") {
  run_ranks(3, [](RankProcess& self) {
    use_default_context();
    const std::string next = "rank " + std::to_string(self.rank + 1) + " exits";
    if (self.rank < 2) self.control.get(next);
    self.control.set("rank " + std::to_string(self.rank) + " exits", "");
  });
  run_ranks(3, [](RankProcess&) { use_default_context(); });
}

TEST_CASE("a rank that hosts the store may exit first: it serves the other ranks until they end") {
  run_ranks(3, [](RankProcess& self) {
    if (self.rank == 0) {
      // Finds a free port.
      const StoreServer probe({}, StoreServer::Serves::any_job);
      self.control.set("store", probe.url() + "/own");
    }
    self.control.barrier("the port is free", 3);
    Options options = Options::from_env();
    options.store = self.control.get("store");
    Context context(options);
    const auto buffer = allocate(context, 64);
    const auto memory = context.rendezvous(buffer);
    memory->barrier();
    if (self.rank == 0) return;
    check_error([&] { memory->wait_signal(0, 0); }, Errc::peer_lost, {"rank 0", "left"});
    context.set_group_info("rest", self.rank - 1, 2, context.store());
    const auto other = allocate(context, 64, "rest");
    check_ring(*context.rendezvous(other));
    context.end_group("rest");
  });
}

TEST_CASE("an exit while another thread waits does not hang or crash") {
  run_ranks(2, [](RankProcess& self) {
    static auto memory = use_default_context();
    if (self.rank == 0) {
      // This thread is in the wait when the process exits, or calls it during the exit.
      std::thread([] {
        try {
          memory->wait_signal(1, 5);
        } catch (const Error&) {
        }
      }).detach();
    }
    self.control.barrier("end", 2);
  });
}

TEST_CASE("at exit is_finalizing() is true, and every call of the default Context throws") {
  run_ranks(2, [](RankProcess&) {
    // This object is made before the default Context, so it is destroyed after the Context.
    static struct AtExit {
      ~AtExit() {
        if (!memory) return;
        // doctest has ended before this destructor runs, so the exit code reports the result.
        if (!all_calls_are_finished(*memory) || !is_finalizing()) std::_Exit(9);
      }
      std::shared_ptr<SymmetricMemory> memory;
    } at_exit;
    at_exit.memory = use_default_context();
  });
}

TEST_CASE("processes that have exited leave no socket in SYMMEM_SOCKET_DIR") {
  // The rank processes run this line, too; they read the folder of the test from the option.
  const std::string folder_of_test = Options::from_env().socket_dir;
  char name[] = "/tmp/symmem-exit-XXXXXX";
  const std::string folder = folder_of_test.empty() ? ::mkdtemp(name) : folder_of_test;
  RanksSettings settings;
  settings.environment = {{"SYMMEM_SOCKET_DIR", folder}};
  run_ranks(
      2,
      [&](RankProcess& self) {
        use_default_context();
        CHECK_FALSE(std::filesystem::is_empty(folder));
        self.control.barrier("seen", 2);
      },
      settings);
  CHECK(std::filesystem::is_empty(folder));
  std::filesystem::remove_all(folder);
}
