// SPDX-License-Identifier: Apache-2.0
// What close releases, and what a failed or missing close keeps.
#include <algorithm>
#include <atomic>

#include "system/check_over.hpp"
#include "system/local_transport.hpp"
#include "system/system.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

constexpr std::size_t kBytes = 4096;

/// Returns whether a new allocation gets the range at `at`: the allocator is first fit, so it uses
/// a free range again. Frees the allocations that it makes.
bool is_reused(Context& context, const void* at) {
  std::vector<Buffer<>> buffers;
  for (int i = 0; i < 20; ++i) buffers.push_back(allocate(context, kBytes));
  return std::any_of(buffers.begin(), buffers.end(),
                     [&](const Buffer<>& buffer) { return buffer.data() == at; });
}

}  // namespace

TEST_CASE("calls on a closed SymmetricMemory fail, and its buffer may have a new rendezvous") {
  run_threads(2, [](Context& context) {
    const auto buffer = allocate(context, kBytes);
    const auto first = context.rendezvous(buffer);
    first->close();
    check_closed(*first);
    const auto second = context.rendezvous(buffer);
    CHECK(second != first);
    check_ring(*second);
    second->close();
  });
}

TEST_CASE("after a close, a new rendezvous of the buffer starts with zero signal counts") {
  run_threads(2, [](Context& context) {
    const auto buffer = allocate(context, kBytes);
    for (int i = 0; i < 5; ++i) {
      const auto memory = context.rendezvous(buffer);
      check_error([&] { memory->wait_signal(1 - context.rank(), 0, std::chrono::milliseconds(0)); },
                  Errc::timeout);
      for (int j = 0; j < 3; ++j) memory->barrier();
      memory->put_signal(1 - context.rank(), 0);
      memory->barrier();
      memory->close();
    }
  });
}

TEST_CASE("a range is reused once its buffer is freed and every group has closed it") {
  run_threads(2, [](Context& context) {
    context.set_group_info("other", context.rank(), 2, store_of(context));
    auto buffer = allocate(context, kBytes);
    void* const at = buffer.data();
    const auto world = context.rendezvous(buffer), other = context.rendezvous(buffer, "other");
    buffer = {};
    CHECK_FALSE(is_reused(context, at));
    world->close();
    CHECK_FALSE(is_reused(context, at));
    other->close();
    CHECK(is_reused(context, at));
  });
}

TEST_CASE("a range that was closed is reused once its last tensor is destroyed") {
  run_threads(2, [](Context& context) {
    std::optional<Tensor> tensor = bytes_tensor(context, static_cast<std::int64_t>(kBytes));
    std::optional<Tensor> view = tensor->narrow(0, 1, 1);
    void* const at = tensor->data();
    rendezvous(context, *tensor)->close();
    tensor.reset();
    CHECK_FALSE(is_reused(context, at));
    view.reset();
    CHECK(is_reused(context, at));
  });
}

TEST_CASE("memory that is freed without close is not reused, and peers may still write to it") {
  run_threads(2, [](Context& context) {
    void* at = nullptr;
    std::shared_ptr<SymmetricMemory> memory;
    {
      const auto buffer = allocate(context, kBytes);
      at = buffer.data();
      auto mine = context.rendezvous(buffer);
      if (context.rank() == 0) memory = mine;  // Rank 1 keeps no SymmetricMemory and no buffer.
    }
    CHECK_FALSE(is_reused(context, at));
    await_all(context, "freed");
    const std::vector<char> bytes(kBytes, 'x');
    if (memory) memory->put(1, 0, std::span(bytes));
    await_all(context, "written");
    if (context.rank() == 1) CHECK(static_cast<const char*>(at)[kBytes - 1] == 'x');
    CHECK_FALSE(is_reused(context, at));
  });
}

TEST_CASE("a failed close names the missing ranks and detaches, and the range is not reused") {
  run_threads(2, [](Context& context) {
    auto buffer = allocate(context, kBytes);
    void* const at = buffer.data();
    const auto memory = context.rendezvous(buffer);
    if (context.rank() == 0) {
      check_error([&] { memory->close(std::chrono::milliseconds(20)); }, Errc::timeout,
                  {"close of group \"world\"", "rank 1 (host", "pid"});
      check_closed(*memory);
    }
    await_all(context, "closed");
    if (context.rank() == 1) {
      // A rank that calls close later gets the same error.
      check_error([&] { memory->close(); }, Errc::timeout, {"close", "rank 1 (host"});
      check_closed(*memory);
    }
    buffer = {};
    CHECK_FALSE(is_reused(context, at));
    await_all(context, "end");
  });
}

TEST_CASE(
    "no attachment exists after a failed close, a failed end_group or the end of the Context") {
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
        const auto first = allocate(context, kBytes), second = allocate(context, kBytes);
        const auto a = context.rendezvous(first), b = context.rendezvous(second);
        CHECK(attached == 2);  // The peer's block of both buffers and its block of their pads.
        for (const auto& memory : rank == 0 ? std::vector{a, b} : std::vector{b, a})
          check_error([&] { memory->close(); }, Errc::invalid_argument,
                      {"different SymmetricMemory objects"});
        CHECK(attached == 0);
        CHECK(counts[rank]->living_exports == 2);

        context.set_group_info("other", context.rank(), 2, store_of(context));
        const auto others = allocate(context, kBytes, "other");
        const auto other = context.rendezvous(others, "other");
        CHECK(attached == 2);
        await_all(context, "before");
        if (rank == 0)
          check_error([&] { context.end_group("other", std::chrono::milliseconds(20)); },
                      Errc::timeout);
        await_all(context, "ended");
        if (rank == 1) check_error([&] { context.end_group("other"); }, Errc::timeout);
        CHECK(attached == 0);

        kept[rank] = context.rendezvous(allocate(context, kBytes));
        CHECK(attached == 2);
        await_all(context, "end");
      },
      [](Options& options) { options.transports = {"mine"}; });
  for (const auto& each : counts) {
    CHECK(each->living_attachments == 0);
    CHECK(each->living_exports == 0);
  }
}

TEST_CASE("a closed SymmetricMemory that still exists keeps no attachment or export") {
  const auto counts = std::make_shared<Counts>();
  run_threads(
      2,
      [&](Context& context) {
        const auto mine = std::make_shared<LocalTransport>("mine");
        mine->counts = counts;
        context.register_transport(DeviceType::host, mine);
        context.set_group_info("other", context.rank(), 2, store_of(context));
        // Two allocations in the group's shared block, and one with its own block.
        std::vector<std::shared_ptr<SymmetricMemory>> kept;
        for (const std::size_t bytes : {kBytes, std::size_t{3 << 20}, kBytes})
          kept.push_back(context.rendezvous(allocate(context, bytes, "other")));
        kept[0]->close();
        context.end_group("other");
        await_all(context, "ended");
        CHECK(counts->living_attachments == 0);
        CHECK(counts->living_exports == 0);
        for (const auto& memory : kept) {
          CHECK(memory->device() == Device{});
          check_closed(*memory);
        }
        await_all(context, "end");
      },
      [](Options& options) { options.transports = {"mine"}; });
}

TEST_CASE("a tensor view of a peer's buffer keeps that buffer mapped after close") {
  run_threads(2, [](Context& context) {
    const auto buffer = context.allocate<char>(3 << 20);
    buffer.data()[5] = 'a';
    const auto memory = context.rendezvous(buffer);
    memory->barrier();
    const Tensor view = get_buffer(*memory, 1 - context.rank(), {10}, kUint8);
    memory->close();
    CHECK(view.data<char>()[5] == 'a');
    await_all(context, "end");
  });
}
