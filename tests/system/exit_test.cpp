// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <filesystem>

#include "system/system.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

/// Uses the default Context and returns while memory is shared and not closed.
std::shared_ptr<SymmetricMemory> use_default_context() {
  static Tensor tensor;  // Lives until exit, as an application's global does.
  tensor = empty_strided_p2p({64}, {1}, kUint8);
  auto memory = rendezvous(tensor);
  CHECK(get_symmetric_memory(tensor) == memory);
  CHECK(get_group_info(kWorld).world_size == memory->world_size());
  check_ring(*memory, tensor);
  return memory;
}

}  // namespace

TEST_CASE("ranks that use the default Context may exit without close, rank 0 first") {
  run_ranks(3, [](RankProcess& self) {
    use_default_context();
    CHECK_FALSE(is_finalizing());
    // The harness exits after this: rank 0 at once, the others when it is on its way.
    if (self.rank == 0) self.control.set("rank 0 goes", "");
    if (self.rank != 0) self.control.get("rank 0 goes");
  });
}

TEST_CASE("ranks may exit in the other order, too, and all at once") {
  run_ranks(3, [](RankProcess& self) {
    use_default_context();
    const std::string next = "rank " + std::to_string(self.rank + 1) + " goes";
    if (self.rank < 2) self.control.get(next);
    self.control.set("rank " + std::to_string(self.rank) + " goes", "");
  });
  run_ranks(3, [](RankProcess&) { use_default_context(); });
}

TEST_CASE("the rank that serves the store may exit first: it serves the others until they end") {
  run_ranks(3, [](RankProcess& self) {
    if (self.rank == 0) {
      // A port that was free a moment ago.
      const StoreServer probe({}, StoreServer::Serves::any_job);
      self.control.set("store", probe.url() + "/own");
    }
    self.control.barrier("the port is free", 3);
    Options options = Options::from_env();
    options.store = self.control.get("store");
    Context context(options);
    const Tensor tensor = bytes_tensor(context, 64);
    const auto memory = context.rendezvous(tensor);
    memory->barrier();
    if (self.rank == 0) return;
    check_error([&] { memory->wait_signal(0, 0); }, Errc::peer_lost, {"rank 0", "left"});
    context.set_group_info("rest", self.rank - 1, 2, context.store());
    const Tensor other = bytes_tensor(context, 64, "rest");
    check_ring(*context.rendezvous(other), other);
    context.end_group("rest");
  });
}

TEST_CASE("an exit while another thread waits does not hang or crash") {
  run_ranks(2, [](RankProcess& self) {
    static auto memory = use_default_context();
    if (self.rank == 0) {
      // It is in the wait when the process ends, or comes to it later: both must be well.
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

TEST_CASE("at exit is_finalizing is true, and the calls of the default Context say so") {
  run_ranks(2, [](RankProcess&) {
    // Made before the default Context, so that it goes after it was finalized.
    static struct AtExit {
      ~AtExit() {
        if (!armed) return;
        bool refused = false;
        try {
          symmem::get_allocator(DeviceType::host);
        } catch (const Error& error) {
          refused = error.code() == Errc::finished;
        }
        // doctest has ended by now: the exit code says it.
        if (!refused || !is_finalizing()) std::_Exit(9);
      }
      bool armed = false;
    } at_exit;
    use_default_context();
    at_exit.armed = true;
  });
}

TEST_CASE("processes that are done leave no socket behind in SYMMEM_SOCKET_DIR") {
  // The ranks come here, too, and have the folder from the test.
  const std::string given = Options::from_env().socket_dir;
  char fresh[] = "/tmp/symmem-exit-XXXXXX";
  const std::string folder = given.empty() ? ::mkdtemp(fresh) : given;
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
