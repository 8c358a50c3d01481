// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>

#include "system/local_transport.hpp"
#include "system/plain_allocator.hpp"
#include "system/system.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

constexpr std::int64_t kBytes = 4096;

/// Whether a new allocation gets the range that was at `at`. Ranges are taken first fit, so one
/// that came back is taken again. Keeps nothing.
bool is_reused(Context& context, const void* at) {
  std::vector<Tensor> taken;
  for (int i = 0; i < 20; ++i) taken.push_back(bytes_tensor(context, kBytes));
  return std::any_of(taken.begin(), taken.end(),
                     [&](const Tensor& tensor) { return tensor.data() == at; });
}

/// Every call on a memory that is over says why.
void check_over(SymmetricMemory& memory, const std::string& why) {
  int word = 0;
  const auto over = [&](const std::function<void()>& call) {
    check_error(error_of(call), Errc::finished, {why});
  };
  over([&] { memory.put(0, 0, &word, 4); });
  over([&] { memory.get(0, 0, &word, 4); });
  over([&] { memory.fetch_add(0, 0, 1); });
  over([&] { memory.flush(); });
  over([&] { memory.put_signal(0, 0); });
  over([&] { memory.wait_signal(0, 0); });
  over([&] { memory.barrier(); });
  over([&] { memory.get_buffer(0, {1}, kInt8); });
  over([&] { memory.close(); });
}

void check_closed(SymmetricMemory& memory) {
  check_over(memory, "closed");
  check_error([&] { memory.peer(0); }, Errc::finished, {"closed"});
}

}  // namespace

TEST_CASE("a closed memory answers with an error, and its allocation may be rendezvoused anew") {
  run_threads(2, [](Context& context) {
    const Tensor tensor = bytes_tensor(context, kBytes);
    const auto first = context.rendezvous(tensor);
    first->close();
    check_closed(*first);
    const auto second = context.rendezvous(tensor);
    CHECK(second != first);
    check_ring(*second, tensor);
    second->close();
  });
}

TEST_CASE("counts of a closed memory's pad do not show up in the next one") {
  run_threads(2, [](Context& context) {
    const Tensor tensor = bytes_tensor(context, kBytes);
    for (int i = 0; i < 5; ++i) {
      const auto memory = context.rendezvous(tensor);
      check_error([&] { memory->wait_signal(1 - context.rank(), 0, std::chrono::milliseconds(0)); },
                  Errc::timeout);
      for (int j = 0; j < 3; ++j) memory->barrier();
      memory->put_signal(1 - context.rank(), 0);
      memory->barrier();
      memory->close();
    }
  });
}

TEST_CASE("a range serves again when its tensors are gone and every group closed it") {
  run_threads(2, [](Context& context) {
    context.set_group_info("other", context.rank(), 2, context.store());
    std::optional<Tensor> tensor = bytes_tensor(context, kBytes);
    void* const at = tensor->data();
    const auto world = context.rendezvous(*tensor), other = context.rendezvous(*tensor, "other");
    tensor.reset();
    CHECK_FALSE(is_reused(context, at));
    world->close();
    CHECK_FALSE(is_reused(context, at));
    other->close();
    CHECK(is_reused(context, at));
  });
}

TEST_CASE("a range serves again when it is closed first and dropped after") {
  run_threads(2, [](Context& context) {
    std::optional<Tensor> tensor = bytes_tensor(context, kBytes);
    std::optional<Tensor> view = tensor->narrow(0, 1, 1);
    void* const at = tensor->data();
    context.rendezvous(*tensor)->close();
    tensor.reset();
    CHECK_FALSE(is_reused(context, at));
    view.reset();
    CHECK(is_reused(context, at));
  });
}

TEST_CASE("memory dropped without close is not used again, and peers may go on writing to it") {
  run_threads(2, [](Context& context) {
    void* at = nullptr;
    std::shared_ptr<SymmetricMemory> memory;
    {
      const Tensor tensor = bytes_tensor(context, kBytes);
      at = tensor.data();
      auto mine = context.rendezvous(tensor);
      if (context.rank() == 0) memory = mine;  // Rank 1 drops all it has.
    }
    CHECK_FALSE(is_reused(context, at));
    meet(context, "dropped");
    const std::vector<char> bytes(kBytes, 'x');
    if (memory) memory->put(1, 0, bytes.data(), bytes.size());
    meet(context, "written");
    if (context.rank() == 1) CHECK(static_cast<const char*>(at)[kBytes - 1] == 'x');
    CHECK_FALSE(is_reused(context, at));
  });
}

TEST_CASE("a failed close names who is missing, releases the peers, and keeps the range unused") {
  run_threads(2, [](Context& context) {
    std::optional<Tensor> tensor = bytes_tensor(context, kBytes);
    void* const at = tensor->data();
    const auto memory = context.rendezvous(*tensor);
    if (context.rank() == 0) {
      check_error([&] { memory->close(std::chrono::milliseconds(20)); }, Errc::timeout,
                  {"close of group \"world\"", "rank 1 (host", "pid"});
      check_closed(*memory);
    }
    meet(context, "closed");
    if (context.rank() == 1) {
      // The verdict is the same one for whoever comes late.
      check_error([&] { memory->close(); }, Errc::timeout, {"close", "rank 1 (host"});
      check_closed(*memory);
    }
    tensor.reset();
    CHECK_FALSE(is_reused(context, at));
    meet(context, "end");
  });
}

TEST_CASE("no attachment outlives a failed close, a failed end_group or the Context") {
  const std::vector<std::shared_ptr<Counts>> counts{std::make_shared<Counts>(),
                                                    std::make_shared<Counts>()};
  std::vector<std::shared_ptr<SymmetricMemory>> kept(2);
  run_threads(
      2,
      [&](Context& context) {
        const auto rank = static_cast<std::size_t>(context.rank());
        const std::atomic<int>& attached = counts[rank]->living_attachments;
        const auto mine = std::make_shared<LocalTransport>("mine");
        mine->counts = counts[rank];
        context.register_transport(DeviceType::host, mine);
        const Tensor first = bytes_tensor(context, kBytes), second = bytes_tensor(context, kBytes);
        const auto a = context.rendezvous(first), b = context.rendezvous(second);
        CHECK(attached == 2);  // The block of both, and that of their pads.
        for (const auto& memory : rank == 0 ? std::vector{a, b} : std::vector{b, a})
          check_error([&] { memory->close(); }, Errc::invalid_argument, {"different memories"});
        CHECK(attached == 0);
        CHECK(counts[rank]->living_exports == 2);

        context.set_group_info("other", context.rank(), 2, context.store());
        const Tensor others = bytes_tensor(context, kBytes, "other");
        const auto other = context.rendezvous(others, "other");
        CHECK(attached == 2);
        meet(context, "before");
        if (rank == 0)
          check_error([&] { context.end_group("other", std::chrono::milliseconds(20)); },
                      Errc::timeout);
        meet(context, "ended");
        if (rank == 1) check_error([&] { context.end_group("other"); }, Errc::timeout);
        CHECK(attached == 0);

        kept[rank] = context.rendezvous(bytes_tensor(context, kBytes));
        CHECK(attached == 2);
        meet(context, "end");
      },
      [](Options& options) { options.transports = {"mine"}; });
  for (const auto& each : counts) {
    CHECK(each->living_attachments == 0);
    CHECK(each->living_exports == 0);
  }
}

TEST_CASE("a view of a peer stays mapped after close, for as long as the view lives") {
  run_threads(2, [](Context& context) {
    const Tensor tensor = bytes_tensor(context, 3 << 20);
    tensor.data<char>()[5] = 'a';
    const auto memory = context.rendezvous(tensor);
    memory->barrier();
    const Tensor view = memory->get_buffer(1 - context.rank(), {10}, kUint8);
    memory->close();
    CHECK(view.data<char>()[5] == 'a');
    meet(context, "end");
  });
}

TEST_CASE("what outlives its Context: tensors stay readable, calls say that it has ended") {
  std::optional<Context> context(options_of(0, 1));
  const Tensor tensor = bytes_tensor(*context, kBytes);
  const Tensor large = bytes_tensor(*context, 3 << 20);
  const auto persistent = std::make_optional(bytes_tensor(*context, 10, kWorld, 1));
  const auto allocator = context->get_allocator(DeviceType::host);
  const auto memory = context->rendezvous(tensor);
  CHECK_FALSE(context->is_finalizing());
  context.reset();
  tensor.data<char>()[kBytes - 1] = 'z';
  large.data<char>()[(3 << 20) - 1] = 'z';
  CHECK(persistent->data<char>()[0] == 0);
  check_closed(*memory);
  check_error([&] { allocator->alloc(10, 0, kWorld); }, Errc::finished, {"Context"});
  check_error([&] { allocator->rendezvous(tensor.data(), kWorld); }, Errc::finished, {"Context"});
  CHECK(allocator->get_alloc_size(tensor.data()) == kBytes);
}

TEST_CASE("after finalize every call of the Context says that it has ended") {
  Context context(options_of(0, 1));
  const Tensor tensor = bytes_tensor(context, 8);
  const auto memory = context.rendezvous(tensor);
  context.finalize();
  context.finalize();
  CHECK(context.is_finalizing());
  const std::vector<std::string> parts{"Context has ended"};
  const auto ended = [&](const std::function<void()>& call) {
    check_error(error_of(call), Errc::finished, parts);
  };
  ended([&] { bytes_tensor(context, 8); });
  ended([&] { context.rendezvous(tensor); });
  ended([&] { context.get_symmetric_memory(tensor); });
  ended([&] { context.get_allocator(DeviceType::host); });
  const auto allocator = std::make_shared<PlainAllocator>();
  ended([&] { context.register_allocator(DeviceType::host, allocator); });
  ended([&] { context.register_transport(DeviceType::host, nullptr); });
  ended([&] { context.set_group_info("g", 0, 1, make_hash_store()); });
  ended([&] { context.get_group_info(kWorld); });
  ended([&] { context.end_group(kWorld); });
  int own = 0;
  ended([&] { context.register_buffer(&own, 4, {}); });
  check_over(*memory, "Context has ended");
}

TEST_CASE("a rank that left is named by whoever still wants it") {
  run_threads(2, [](Context& context) {
    const Tensor tensor = bytes_tensor(context, kBytes);
    const auto memory = context.rendezvous(tensor);
    memory->barrier();
    if (context.rank() == 1) return;
    const std::vector<std::string> parts{"rank 1 (host", "left group \"world\""};
    // The wait ends as soon as the news is here; after it every call knows.
    check_error([&] { memory->wait_signal(1, 0); }, Errc::peer_lost, parts);
    int word = 0;
    check_error([&] { memory->put(1, 0, &word, 4); }, Errc::peer_lost, parts);
    check_error([&] { memory->get(1, 0, &word, 4); }, Errc::peer_lost, parts);
    check_error([&] { memory->fetch_add(1, 0, 1); }, Errc::peer_lost, parts);
    check_error([&] { memory->put_signal(1, 0); }, Errc::peer_lost, parts);
    check_error([&] { memory->flush(); }, Errc::peer_lost, parts);
    check_error([&] { memory->barrier(); }, Errc::peer_lost, parts);
    CHECK_NOTHROW(memory->put(0, 0, &word, 4));  // The own memory is there.
    check_error([&] { context.rendezvous(bytes_tensor(context, 8)); }, Errc::peer_lost, {"rank 1"});
    check_error([&] { memory->close(); }, Errc::peer_lost, {"rank 1"});
    check_closed(*memory);
  });
}

TEST_CASE("signals of a rank that left after them are still taken") {
  run_threads(2, [](Context& context) {
    const Tensor tensor = bytes_tensor(context, kBytes);
    const auto memory = context.rendezvous(tensor);
    if (context.rank() == 1) {
      memory->put_signal(0, 0);
      memory->put_signal(0, 0);
      return;
    }
    check_error([&] { memory->wait_signal(1, 1); }, Errc::peer_lost);
    CHECK_NOTHROW(memory->wait_signal(1, 0));
    CHECK_NOTHROW(memory->wait_signal(1, 0));
    check_error([&] { memory->wait_signal(1, 0); }, Errc::peer_lost);
  });
}

TEST_CASE("two threads that wait for one signal are an error, not a lost signal") {
  run_threads(2, [](Context& context) {
    const Tensor tensor = bytes_tensor(context, kBytes);
    const auto memory = context.rendezvous(tensor);
    if (context.rank() == 1) {
      context.store()->get("refused");
      memory->put_signal(0, 0);
    } else {
      std::atomic<int> refused{0};
      const auto errors = errors_of_threads(2, [&](int) {
        const auto error = error_of([&] { memory->wait_signal(1, 0); });
        if (!error) return;
        check_error(error, Errc::invalid_argument, {"another thread", "rank 1", "channel 0"});
        ++refused;
        context.store()->set("refused", "");  // Now the other thread's signal may come.
      });
      CHECK(refused == 1);
    }
    memory->barrier();
    memory->close();
  });
}
