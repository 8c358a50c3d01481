// SPDX-License-Identifier: Apache-2.0
// Tests how an application's transports and allocators are registered and selected.
#include "system/plain_allocator.hpp"
#include "system/registered_transport.hpp"
#include "system/span_allocator.hpp"

using namespace symmem;
using namespace symmem::harness;

TEST_CASE("a transport of the application replaces a built-in one if options name it first") {
  run_threads(
      3,
      [](Context& context) {
        add_mine(context, [](LocalTransport&) {});
        const auto memory = use(context);
        for (int rank = 0; rank < 3; ++rank) {
          CHECK(memory->route(rank).transport == (rank == context.rank() ? "self" : "mine"));
          CHECK(memory->route(rank).refused.empty());
        }
        memory->close();
      },
      kMineFirst);
}

TEST_CASE("registered transports come after the built-in ones and are used only where needed") {
  const auto counts = std::make_shared<Counts>();
  run_threads(2, [&](Context& context) {
    add_mine(context, [&](LocalTransport& transport) { transport.counts = counts; });
    const auto memory = use(context);
    CHECK(memory->route(1 - context.rank()).transport == "shm");
    memory->close();
  });
  CHECK(counts->exports == 0);
}

TEST_CASE("a group of one rank needs no transport") {
  run_threads(
      1, [](Context& context) { use(context)->close(); }, transports({"^shm"}));
}

TEST_CASE(
    "SYMMEM_TRANSPORTS selects the listed transports in list order, or removes those with ^") {
  const auto selected = [](std::vector<std::string> list) {
    std::string name;
    run_threads(
        2,
        [&](Context& context) {
          add_mine(context, [](LocalTransport&) {});
          add_mine(
              context, [](LocalTransport&) {}, "yours");
          const auto memory = use(context);
          if (context.rank() == 0) name = memory->route(1).transport;
          memory->close();
        },
        transports(list));
    return name;
  };
  CHECK(selected({}) == "shm");
  CHECK(selected({"yours", "mine"}) == "yours");
  CHECK(selected({"mine", "yours", "shm"}) == "mine");
  CHECK(selected({"^shm", "^ucx"}) == "mine");
  CHECK(selected({"^shm", "^ucx", "^mine"}) == "yours");
}

TEST_CASE("a list that both selects and removes is refused as ambiguous") {
  Options options = options_of(0, 1);
  options.transports = {"shm", "^mine"};
  check_error([&] { Context context(options); }, Errc::invalid_argument,
              {"SYMMEM_TRANSPORTS", "shm,^mine"});
}

TEST_CASE("SYMMEM_REQUIRE turns a fallback into an error that names pairs and reasons") {
  const auto require_mine = [](Options& options) {
    options.transports = {"mine", "shm"};
    options.require = {"mine"};
  };
  const auto use_broken = [](Context& context) {
    add_mine(context, [&](LocalTransport& transport) {
      if (context.rank() == 2)
        transport.before_attach = [](int peer) { return peer == 0 ? "too far" : ""; };
    });
    use(context);
  };
  check_alike(errors_of_ranks(3, use_broken, require_mine), Errc::unsupported,
              {"1 pairs", "SYMMEM_REQUIRE=mine", "rank 0 (host", "rank 2 (host", "connected by shm",
               "too far"});
  run_threads(
      2,
      [](Context& context) {
        add_mine(context, [](LocalTransport&) {});
        use(context)->close();
      },
      require_mine);
}

TEST_CASE("a null transport and a second transport with the same name are refused") {
  Context context(options_of(0, 1));
  const auto add = [&](const std::string& name) {
    context.register_transport(DeviceType::host, std::make_shared<LocalTransport>(name));
  };
  add("mine");
  check_error([&] { add("mine"); }, Errc::invalid_argument, {"\"mine\" already", "host"});
  check_error([&] { add("shm"); }, Errc::invalid_argument, {"\"shm\" already"});
  check_error([&] { context.register_transport(DeviceType::host, nullptr); },
              Errc::invalid_argument, {"the transport is null"});
  check_error([&] { context.register_allocator(DeviceType::host, nullptr); },
              Errc::invalid_argument, {"the allocator is null"});
}

TEST_CASE(
    "an allocator of the application is used for its device type, and the last one registered "
    "wins") {
  Context context(options_of(0, 1));
  const auto allocator = std::make_shared<PlainAllocator>();
  const auto type = static_cast<DeviceType>(12);
  context.register_allocator(type, allocator);
  CHECK(context.get_allocator(type) == allocator);
  {
    const Tensor tensor = empty_strided_p2p(context, {10}, {2}, kInt32, {type, 3});
    CHECK(allocator->last_request == "76 on 3 for world");
    CHECK(tensor.device() == Device{type, 3});
    check_error([&] { rendezvous(context, tensor); }, Errc::unsupported,
                {"this allocator has no rendezvous"});
    check_error([&] { get_symmetric_memory(context, tensor); }, Errc::invalid_argument);
  }
  CHECK(allocator->allocations == 0);
  allocator->exhausted = true;
  check_error(
      [&] {
        empty_strided_p2p(context, {10}, {2}, kInt32, {type, 3});
      },
      Errc::exhausted, {"returned null for 76 bytes"});
  const auto other = std::make_shared<PlainAllocator>();
  context.register_allocator(type, other);
  CHECK(context.get_allocator(type) == other);
}

TEST_CASE("an allocation that is not aligned as requested is refused and freed") {
  Context context(options_of(0, 1));
  const auto allocator = std::make_shared<PlainAllocator>();
  context.register_allocator(DeviceType::host, allocator);
  CHECK_NOTHROW(allocate(context, 64));
  allocator->misalignment = 64;
  check_error([&] { allocate(context, 64); }, Errc::unsupported,
              {"allocator registered for host", "not aligned to 256 bytes"});
  CHECK(allocator->allocations == 0);
}

TEST_CASE("an allocator of the application replaces the built-in one of host memory") {
  run_threads(
      3,
      [](Context& context) {
        add_mine(context, [](LocalTransport&) {});
        use_span_allocator(context, "mine");
      },
      transports({"mine"}));
}
