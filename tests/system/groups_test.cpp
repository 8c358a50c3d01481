// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>

#include "system/system.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

/// Names a group of `members` (world ranks, in the order of their ranks there) on those that are in
/// it, and tells whether this rank is.
bool name_group(Context& context, const std::string& name, const std::vector<int>& members) {
  const auto found = std::find(members.begin(), members.end(), context.rank());
  if (found == members.end()) return false;
  context.set_group_info(name, static_cast<int>(found - members.begin()),
                         static_cast<int>(members.size()), store_of(context));
  return true;
}

/// Rendezvous in `group`, and a ring of puts through it.
void use(Context& context, const std::string& group) {
  const Tensor tensor = bytes_tensor(context, 64, group);
  const auto memory = context.rendezvous(tensor);
  CHECK(memory->group_name() == group);
  CHECK(memory->world_size() == context.get_group_info(group).world_size);
  check_ring(*memory, tensor);
  memory->close();
}

}  // namespace

TEST_CASE("groups of any ranks in any order work, and the world after them") {
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

TEST_CASE("a name longer than a store takes is refused at once, in a short message") {
  Context context(options_of(0, 1));
  const auto set = [&](std::size_t bytes) {
    context.set_group_info(std::string(bytes, 'n'), 0, 1, store_of(context));
  };
  const auto error = error_of([&] { set((8 << 10) + 1); });
  check_error(error, Errc::invalid_argument, {"8193 bytes", "up to 8192"});
  CHECK(std::string(error->what()).size() < 200);
  CHECK_NOTHROW(set(8 << 10));
}

TEST_CASE("a negative timeout is refused, also where nothing is to be waited for") {
  leaving_nothing([] {
    Context context(options_of(0, 1));
    const Tensor tensor = bytes_tensor(context, 64);
    const auto meet = [&] { context.rendezvous(tensor, {}, std::chrono::milliseconds(-1)); };
    check_error(meet, Errc::invalid_argument, {"-1 ms"});
    context.rendezvous(tensor);
    check_error(meet, Errc::invalid_argument, {"-1 ms"});
  });
}

TEST_CASE("a rank that comes when the others have given up is told so") {
  run_threads(2, [](Context& context) {
    const Tensor tensor = bytes_tensor(context, 64);
    const std::string late = "a missing rank that receives this error called too late";
    if (context.rank() == 0) {
      check_error([&] { context.rendezvous(tensor, {}, std::chrono::milliseconds(20)); },
                  Errc::timeout, {"missing: rank 1"});
    }
    meet(context, "given up");
    if (context.rank() == 1)
      check_error([&] { context.rendezvous(tensor); }, Errc::timeout, {"missing: rank 1", late});
    meet(context, "end");
  });
}

TEST_CASE("groups that share ranks work side by side") {
  run_threads(3, [](Context& context) {
    // Each rank is in two groups of two: 0-1, 1-2, 2-0.
    const std::vector<std::vector<int>> pairs{{0, 1}, {1, 2}, {2, 0}};
    std::vector<Tensor> tensors;
    std::vector<std::shared_ptr<SymmetricMemory>> memories;
    for (const auto& pair : pairs) {
      const std::string name = "pair" + std::to_string(pair[0]);
      if (!name_group(context, name, pair)) continue;
      tensors.push_back(bytes_tensor(context, 64, name));
      memories.push_back(context.rendezvous(tensors.back()));
    }
    REQUIRE(memories.size() == 2);
    // Signals stay in their group: the same channel of both has its own.
    for (const auto& memory : memories) memory->put_signal(1 - memory->rank(), 0);
    for (const auto& memory : memories) {
      memory->wait_signal(1 - memory->rank(), 0);
      check_error([&] { memory->wait_signal(1 - memory->rank(), 0, std::chrono::milliseconds(0)); },
                  Errc::timeout);
    }
    for (std::size_t i = 0; i < 2; ++i) check_ring(*memories[i], tensors[i]);
    meet(context, "end");
  });
}

TEST_CASE("several groups rendezvous one allocation, each with its own memory and pad") {
  run_threads(3, [](Context& context) {
    const Tensor tensor = bytes_tensor(context, 64);
    const auto world = context.rendezvous(tensor);
    name_group(context, "reversed", {2, 1, 0});
    const auto reversed = context.rendezvous(tensor, "reversed");
    CHECK(world != reversed);
    CHECK(context.get_symmetric_memory(tensor) == world);
    CHECK(context.get_symmetric_memory(tensor, "reversed") == reversed);
    CHECK(context.rendezvous(tensor, "reversed") == reversed);
    for (int rank = 0; rank < 3; ++rank) {
      int value = 0;
      if (rank == context.rank()) tensor.data<int>()[1] = 100 + rank;
      world->barrier();
      reversed->get(2 - rank, 4, &value, 4);
      CHECK(value == 100 + rank);
    }
    check_ring(*world, tensor);
    check_ring(*reversed, tensor);
    // One goes, the other stays.
    world->close();
    check_ring(*reversed, tensor);
    reversed->close();
  });
}

TEST_CASE("calls with an unknown, doubled or impossible group are refused") {
  Context context(options_of(0, 1));
  const auto store = context.store();
  const Tensor tensor = bytes_tensor(context, 8);
  check_error([&] { context.get_group_info("nobody"); }, Errc::invalid_argument, {"\"nobody\""});
  check_error([&] { context.rendezvous(tensor, "nobody"); }, Errc::invalid_argument,
              {"\"nobody\""});
  check_error([&] { context.end_group("nobody"); }, Errc::invalid_argument, {"\"nobody\""});
  check_error([&] { context.get_symmetric_memory(tensor, "nobody"); }, Errc::invalid_argument);
  check_error([&] { context.set_group_info(kWorld, 0, 1, store); }, Errc::invalid_argument,
              {"\"world\" exists already"});
  const std::vector<std::pair<int, int>> impossible{{-1, 1}, {1, 1}, {0, 0}, {0, -1}, {5, 3}};
  for (const auto& [rank, size] : impossible)
    check_error([&] { context.set_group_info("new", rank, size, store); }, Errc::invalid_argument,
                {"rank " + std::to_string(rank), std::to_string(size) + " ranks"});
  check_error([&] { context.set_group_info("new", 0, 2147483647, store); }, Errc::invalid_argument,
              {"2147483647 ranks"});
  const std::string endless(1 << 20, 'x');
  check_error(
      [&] {
        try {
          context.rendezvous(tensor, endless);
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

TEST_CASE("a group's facts stay valid after its end") {
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

TEST_CASE("end_group closes what is left, and the name serves other ranks again") {
  run_threads(4, [](Context& context) {
    const std::vector<std::vector<int>> lives{{0, 1}, {1, 2, 3}, {3, 0}, {0, 1, 2, 3}};
    for (std::size_t life = 0; life < lives.size(); ++life) {
      if (name_group(context, "name", lives[life])) {
        const Tensor tensor = bytes_tensor(context, 64, "name"), other = bytes_tensor(context, 64);
        const auto memory = context.rendezvous(tensor);
        const auto foreign = context.rendezvous(other, "name");
        check_ring(*memory, tensor);
        context.end_group("name");
        for (const auto& closed : {memory, foreign}) {
          check_error([&] { closed->put_signal(0, 0); }, Errc::finished);
          check_error([&] { closed->barrier(); }, Errc::finished);
          check_error([&] { closed->close(); }, Errc::finished);
        }
        check_error([&] { context.rendezvous(tensor); }, Errc::invalid_argument, {"\"name\""});
      }
      meet(context, "life" + std::to_string(life));
    }
  });
}

TEST_CASE("a group that nobody used ends, too, and ranks may disagree about nothing else") {
  run_threads(3, [](Context& context) {
    for (int i = 0; i < 3; ++i) {
      name_group(context, "idle", {0, 1, 2});
      context.end_group("idle");
    }
  });
}

TEST_CASE("ranks that claim one place in a group, or differ in its size, get one error") {
  const auto errors_with = [](int rank_of_2, int size_of_2) {
    std::vector<std::optional<Error>> errors(3);
    run_threads(3, [&](Context& context) {
      const bool odd = context.rank() == 2;
      context.set_group_info("claimed", odd ? rank_of_2 : context.rank(), odd ? size_of_2 : 3,
                             store_of(context));
      errors[static_cast<std::size_t>(context.rank())] =
          error_of([&] { context.rendezvous(bytes_tensor(context, 8), "claimed"); });
      meet(context, "end");
    });
    return errors;
  };
  for (const auto& error : errors_with(1, 3))
    check_error(error, Errc::invalid_argument, {"\"claimed\"", "rank 1", "pid"});
  for (const auto& error : errors_with(2, 4))
    check_error(error, Errc::invalid_argument, {"\"claimed\"", "3", "4"});
}

TEST_CASE("two Contexts' groups of one name do not meet where their stores are apart") {
  run_threads(2, [](Context& context) {
    const auto one = make_prefix_store("one", store_of(context));
    const auto two = make_prefix_store("two", store_of(context));
    context.set_group_info("in one", context.rank(), 2, one);
    context.set_group_info("in two", 0, 1, make_prefix_store(std::to_string(context.rank()), two));
    use(context, "in one");
    use(context, "in two");
    meet(context, "end");
  });
}
