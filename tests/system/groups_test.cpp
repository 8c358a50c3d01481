// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>

#include "system/system.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

/// Names a group whose rank i is the world rank `members[i]`. Returns whether this rank is a
/// member.
bool name_group(Context& context, const std::string& name, const std::vector<int>& members) {
  const auto found = std::find(members.begin(), members.end(), context.rank());
  if (found == members.end()) return false;
  context.set_group_info(name, static_cast<int>(found - members.begin()),
                         static_cast<int>(members.size()), store_of(context));
  return true;
}

/// Makes a rendezvous in `group` and runs a ring of puts over it.
void use(Context& context, const std::string& group) {
  const auto buffer = allocate(context, 64, group);
  const auto memory = context.rendezvous(buffer);
  CHECK(memory->group_name() == group);
  CHECK(memory->world_size() == context.get_group_info(group).world_size);
  check_ring(*memory);
  memory->close();
}

}  // namespace

TEST_CASE("groups of any ranks in any order work, and the world works after them") {
  run_threads(4, [](Context& context) {
    const std::map<std::string, std::vector<int>> groups{
        {"swapped", {3, 1}}, {"overlap", {1, 0, 2}}, {"alone", {2}}, {"all", {3, 2, 1, 0}}};
    for (const auto& [name, members] : groups)
      if (name_group(context, name, members)) use(context, name);
    use(context, kWorld);
    for (const auto& [name, members] : groups)
      if (std::find(members.begin(), members.end(), context.rank()) != members.end())
        use(context, name);
  });
}

TEST_CASE("a group name that is too long is refused with a short message") {
  Context context(options_of(0, 1));
  const auto set = [&](std::size_t bytes) {
    context.set_group_info(std::string(bytes, 'n'), 0, 1, store_of(context));
  };
  const auto error = error_of([&] { set((8 << 10) + 1); });
  check_error(error, Errc::invalid_argument, {"8193 bytes", "at most 8192"});
  CHECK(std::string(error->what()).size() < 200);
  CHECK_NOTHROW(set(8 << 10));
}

TEST_CASE("a negative timeout is refused, also if the call would not wait") {
  leaving_nothing([] {
    Context context(options_of(0, 1));
    const auto buffer = allocate(context, 64);
    const auto call = [&] { context.rendezvous(buffer, {}, std::chrono::milliseconds(-1)); };
    check_error(call, Errc::invalid_argument, {"-1 ms"});
    context.rendezvous(buffer);
    check_error(call, Errc::invalid_argument, {"-1 ms"});
  });
}

TEST_CASE("if a rendezvous timed out, a rank that calls it late gets an error that says so") {
  run_threads(2, [](Context& context) {
    const auto buffer = allocate(context, 64);
    const std::string late = "a missing rank that receives this error called too late";
    if (context.rank() == 0) {
      check_error([&] { context.rendezvous(buffer, {}, std::chrono::milliseconds(20)); },
                  Errc::timeout, {"missing: rank 1"});
    }
    await_all(context, "timed out");
    if (context.rank() == 1)
      check_error([&] { context.rendezvous(buffer); }, Errc::timeout, {"missing: rank 1", late});
    await_all(context, "end");
  });
}

TEST_CASE("groups that share ranks work at the same time") {
  run_threads(3, [](Context& context) {
    // Each rank is in two groups: 0-1, 1-2, 2-0.
    const std::vector<std::vector<int>> pairs{{0, 1}, {1, 2}, {2, 0}};
    std::vector<Buffer<>> buffers;
    std::vector<std::shared_ptr<SymmetricMemory>> memories;
    for (const auto& pair : pairs) {
      const std::string name = "pair" + std::to_string(pair[0]);
      if (!name_group(context, name, pair)) continue;
      buffers.push_back(allocate(context, 64, name));
      memories.push_back(context.rendezvous(buffers.back()));
    }
    REQUIRE(memories.size() == 2);
    // Each group counts its signals on a channel separately.
    for (const auto& memory : memories) memory->put_signal(1 - memory->rank(), 0);
    for (const auto& memory : memories) {
      memory->wait_signal(1 - memory->rank(), 0);
      check_error([&] { memory->wait_signal(1 - memory->rank(), 0, std::chrono::milliseconds(0)); },
                  Errc::timeout);
    }
    for (const auto& memory : memories) check_ring(*memory);
    await_all(context, "end");
  });
}

TEST_CASE(
    "several groups may rendezvous one allocation, each with its own SymmetricMemory and pad") {
  run_threads(3, [](Context& context) {
    const Tensor tensor = bytes_tensor(context, 64);
    const auto world = rendezvous(context, tensor);
    name_group(context, "reversed", {2, 1, 0});
    const auto reversed = rendezvous(context, tensor, "reversed");
    CHECK(world != reversed);
    CHECK(get_symmetric_memory(context, tensor) == world);
    CHECK(get_symmetric_memory(context, tensor, "reversed") == reversed);
    CHECK(rendezvous(context, tensor, "reversed") == reversed);
    for (int rank = 0; rank < 3; ++rank) {
      int value = 0;
      if (rank == context.rank()) tensor.data<int>()[1] = 100 + rank;
      world->barrier();
      reversed->get(2 - rank, 4, std::span(&value, 1));
      CHECK(value == 100 + rank);
    }
    check_ring(*world);
    check_ring(*reversed);
    world->close();
    check_ring(*reversed);
    reversed->close();
  });
}

TEST_CASE(
    "calls with an unknown group name and set_group_info with invalid arguments are refused") {
  Context context(options_of(0, 1));
  const auto store = context.store();
  const auto buffer = allocate(context, 8);
  check_error([&] { context.get_group_info("nobody"); }, Errc::invalid_argument, {"\"nobody\""});
  check_error([&] { context.rendezvous(buffer, "nobody"); }, Errc::invalid_argument,
              {"\"nobody\""});
  check_error([&] { context.end_group("nobody"); }, Errc::invalid_argument, {"\"nobody\""});
  check_error([&] { get_symmetric_memory(context, bytes_tensor(context, 8), "nobody"); },
              Errc::invalid_argument);
  check_error([&] { context.set_group_info(kWorld, 0, 1, store); }, Errc::invalid_argument,
              {"\"world\" exists already"});
  const std::vector<std::pair<int, int>> impossible{{-1, 1}, {1, 1}, {0, 0}, {0, -1}, {5, 3}};
  for (const auto& [rank, size] : impossible)
    check_error([&] { context.set_group_info("new", rank, size, store); }, Errc::invalid_argument,
                {"rank " + std::to_string(rank), std::to_string(size) + " ranks"});
  check_error([&] { context.set_group_info("new", 0, 2147483647, store); }, Errc::invalid_argument,
              {"2147483647 ranks"});
  const std::string long_name(1 << 20, 'x');
  check_error(
      [&] {
        try {
          context.rendezvous(buffer, long_name);
        } catch (const Error& e) {
          CHECK(std::string(e.what()).size() < 1000);
          throw;
        }
      },
      Errc::invalid_argument);
  check_error([&] { context.set_group_info("new", 0, 1, nullptr); }, Errc::invalid_argument,
              {"store"});
  check_error([&] { context.set_group_info("", 0, 1, store); }, Errc::invalid_argument, {"empty"});
  context.set_group_info("new", 0, 1, store);
  CHECK(context.get_group_info("new").world_size == 1);
}

TEST_CASE("the GroupInfo of a group stays valid after end_group") {
  run_threads(2, [](Context& context) {
    name_group(context, "brief", {1, 0});
    const GroupInfo& info = context.get_group_info("brief");
    CHECK(info.rank == 1 - context.rank());
    CHECK(info.store == store_of(context));
    context.end_group("brief");
    CHECK(info.world_size == 2);
    check_error([&] { context.get_group_info("brief"); }, Errc::invalid_argument);
  });
}

TEST_CASE("end_group closes the group's memory, and other ranks may use the name again") {
  run_threads(4, [](Context& context) {
    const std::vector<std::vector<int>> uses{{0, 1}, {1, 2, 3}, {3, 0}, {0, 1, 2, 3}};
    for (std::size_t i = 0; i < uses.size(); ++i) {
      if (name_group(context, "name", uses[i])) {
        const auto buffer = allocate(context, 64, "name"), other = allocate(context, 64);
        const auto memory = context.rendezvous(buffer);
        const auto foreign = context.rendezvous(other, "name");
        check_ring(*memory);
        context.end_group("name");
        for (const auto& closed : {memory, foreign}) {
          check_error([&] { closed->put_signal(0, 0); }, Errc::finished);
          check_error([&] { closed->barrier(); }, Errc::finished);
          check_error([&] { closed->close(); }, Errc::finished);
        }
        check_error([&] { context.rendezvous(buffer); }, Errc::invalid_argument, {"\"name\""});
      }
      await_all(context, "use " + std::to_string(i));
    }
  });
}

TEST_CASE("a group that was never used can be ended and named again") {
  run_threads(3, [](Context& context) {
    for (int i = 0; i < 3; ++i) {
      name_group(context, "idle", {0, 1, 2});
      context.end_group("idle");
    }
  });
}

TEST_CASE(
    "if two processes claim one rank of a group, or sizes differ, all ranks get the same error") {
  const auto errors_with = [](int rank_of_2, int size_of_2) {
    std::vector<std::optional<Error>> errors(3);
    run_threads(3, [&](Context& context) {
      const bool odd = context.rank() == 2;
      context.set_group_info("claimed", odd ? rank_of_2 : context.rank(), odd ? size_of_2 : 3,
                             store_of(context));
      errors[static_cast<std::size_t>(context.rank())] =
          error_of([&] { context.rendezvous(allocate(context, 8), "claimed"); });
      await_all(context, "end");
    });
    return errors;
  };
  for (const auto& error : errors_with(1, 3))
    check_error(error, Errc::invalid_argument, {"\"claimed\"", "rank 1", "pid"});
  for (const auto& error : errors_with(2, 4))
    check_error(error, Errc::invalid_argument, {"\"claimed\"", "3", "4"});
}

TEST_CASE("groups whose stores have different prefixes do not affect each other") {
  run_threads(2, [](Context& context) {
    const auto one = make_prefix_store("one", store_of(context));
    const auto two = make_prefix_store("two", store_of(context));
    context.set_group_info("in one", context.rank(), 2, one);
    context.set_group_info("in two", 0, 1, make_prefix_store(std::to_string(context.rank()), two));
    use(context, "in one");
    use(context, "in two");
    await_all(context, "end");
  });
}
