// SPDX-License-Identifier: Apache-2.0
// Tests the default Context and the free functions before and after init(). Each test case runs in
// its own processes.
#include <optional>
#include <thread>

#include "system/system.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

constexpr const char* kGroup = "pair";

/// Returns options for a second Context in this process, the only rank of its world.
Options alone() {
  Options options = options_of(0, 1);
  options.store.clear();
  return options;
}

/// Runs rank 0 of the group, which is the default Context, through free functions only.
void use_free_functions(const std::shared_ptr<Store>& store) {
  set_group_info(kGroup, 0, 2, store);
  CHECK(get_group_info(kGroup).world_size == 2);
  const Tensor tensor = empty_strided_p2p({64}, {1}, kUint8, {}, kGroup);
  const auto memory = rendezvous(tensor);
  CHECK(get_symmetric_memory(tensor) == memory);
  check_ring(*memory);
  end_group(kGroup);
}

}  // namespace

TEST_CASE("a group with the caller's own store works in the default Context before init") {
  run_ranks(1, [](RankProcess&) {
    const auto store = make_hash_store();
    Context other(alone());
    check_none(errors_of_threads(2, [&](int rank) {
      if (rank == 0) return use_free_functions(store);
      other.set_group_info(kGroup, 1, 2, store);
      const auto buffer = allocate(other, 64, kGroup);
      check_ring(*other.rendezvous(buffer));
      other.end_group(kGroup);
    }));
    CHECK(&init() == &default_context());
    CHECK(rendezvous(empty_strided_p2p({64}, {1}, kUint8))->group_name() == kWorld);
  });
}

TEST_CASE("a call that needs the world fails before init, and the error names init()") {
  run_ranks(2, [](RankProcess& self) {
    const auto needs_init = [](const std::function<void()>& call) {
      check_error(error_of(call), Errc::invalid_argument, {"has not joined", "symmem::init()"});
    };
    needs_init([] { empty_strided_p2p({64}, {1}, kUint8); });
    needs_init([] { get_group_info(kWorld); });
    needs_init([] { end_group(kWorld); });
    needs_init([] { default_context().rank(); });
    needs_init([] { default_context().world_size(); });
    needs_init([] { default_context().store(); });
    CHECK_FALSE(is_finalizing());

    init();
    CHECK(default_context().rank() == self.rank);
    CHECK(default_context().world_size() == 2);
    CHECK(get_group_info(kWorld).store == default_context().store());
    const Tensor tensor = empty_strided_p2p({64}, {1}, kUint8);
    check_ring(*rendezvous(tensor));
  });
}

TEST_CASE("init returns the same Context each time, and takes options only before its first use") {
  run_ranks(2, [](RankProcess&) {
    Options options = Options::from_env();
    options.channels = 3;
    Context& context = init(options);
    CHECK(&context == &init());
    CHECK(&context == &default_context());
    CHECK(context.options().channels == 3);
    check_error([&] { init(options); }, Errc::invalid_argument, {"init", "exists already"});
    CHECK(rendezvous(empty_strided_p2p({64}, {1}, kUint8))->channels() == 3);
  });
}

TEST_CASE("init with options after another use of the default Context is refused") {
  run_ranks(1, [](RankProcess&) {
    set_group_info(kGroup, 0, 1, make_hash_store());
    check_error([] { init(Options::from_env()); }, Errc::invalid_argument, {"exists already"});
    CHECK(init().world_size() == 1);
  });
}

TEST_CASE("before init set_group_info refuses the name of the world") {
  run_ranks(1, [](RankProcess&) {
    check_error([] { set_group_info(kWorld, 0, 1, make_hash_store()); }, Errc::invalid_argument,
                {"group of all ranks"});
    CHECK(init().world_size() == 1);
  });
}

TEST_CASE("a rank that hosts the store may repeat a failed init") {
  run_ranks(1, [](RankProcess&) {
    Options options = options_of(0, 2);
    options.timeout = std::chrono::seconds(3) * kSlow;
    TcpStoreOptions probe;
    // The server ends at once, so its port is free.
    options.store = StoreServer(probe, StoreServer::Serves::any_job).url();
    check_error([&] { init(options); }, Errc::timeout, {"join", "rank 1"});
    std::optional<Error> of_rank_1;
    std::thread rank_1([&] {
      of_rank_1 = error_of([&] {
        Options other = options;
        other.rank = 1;
        Context(other).end_group(kWorld);
      });
    });
    CHECK(init().world_size() == 2);
    end_group(kWorld);
    rank_1.join();
    CHECK_FALSE(of_rank_1.has_value());
    check_error([] { get_group_info(kWorld); }, Errc::invalid_argument, {"no group is named"});
  });
}

TEST_CASE("init may be repeated after it failed") {
  RanksSettings settings;
  settings.environment = {{"SYMMEM_WORLD_SIZE", "2"}, {"SYMMEM_TIMEOUT", "2s"}};
  run_ranks(
      1,
      [](RankProcess&) {
        for (int i = 0; i < 2; ++i) check_error([] { init(); }, Errc::timeout, {"join"});
        check_error([] { default_context().rank(); }, Errc::invalid_argument, {"has not joined"});
      },
      settings);
}
