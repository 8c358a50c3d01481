// SPDX-License-Identifier: Apache-2.0
// What close lets go of, and what a close that failed or never came leaves as it is.
#include <algorithm>
#include <atomic>

#include "system/check_over.hpp"
#include "system/local_transport.hpp"
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
    context.set_group_info("other", context.rank(), 2, store_of(context));
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

        context.set_group_info("other", context.rank(), 2, store_of(context));
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

TEST_CASE("a closed memory that is still held keeps nothing of its group's connections") {
  const auto counts = std::make_shared<Counts>();
  run_threads(
      2,
      [&](Context& context) {
        const auto mine = std::make_shared<LocalTransport>("mine");
        mine->counts = counts;
        context.register_transport(DeviceType::host, mine);
        context.set_group_info("other", context.rank(), 2, store_of(context));
        // One whose connections the group remembers, and one with blocks of its own.
        std::vector<std::shared_ptr<SymmetricMemory>> kept;
        for (const std::int64_t bytes : {kBytes, std::int64_t{3 << 20}, kBytes})
          kept.push_back(context.rendezvous(bytes_tensor(context, bytes, "other")));
        kept[0]->close();
        context.end_group("other");
        meet(context, "ended");
        CHECK(counts->living_attachments == 0);
        CHECK(counts->living_exports == 0);
        for (const auto& memory : kept) {
          CHECK(memory->device() == Device{});
          check_closed(*memory);
        }
        meet(context, "end");
      },
      [](Options& options) { options.transports = {"mine"}; });
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
