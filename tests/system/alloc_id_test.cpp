// SPDX-License-Identifier: Apache-2.0
#include "system/plain_allocator.hpp"
#include "system/system.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

/// Part of the error message if an alloc_id is still in use.
constexpr const char* kActive = "a previous allocation with the same alloc_id is still active";

}  // namespace

TEST_CASE("an alloc_id cannot be used again while a tensor with it exists") {
  Context context(options_of(0, 1));
  for (const std::uint64_t id : {std::uint64_t{0}, std::uint64_t{7}, UINT64_MAX}) {
    const Tensor first = bytes_tensor(context, 100, kWorld, id);
    check_error([&] { bytes_tensor(context, 100, kWorld, id); }, Errc::invalid_argument,
                {kActive, std::to_string(id)});
  }
}

TEST_CASE("a view or a DLPack export keeps an alloc_id in use, but a SymmetricMemory does not") {
  Context context(options_of(0, 1));
  std::optional<Tensor> tensor = bytes_tensor(context, 100, kWorld, 1);
  std::optional<Tensor> view = tensor->narrow(0, 50, 10);
  const auto memory = rendezvous(context, *tensor);
  DLManagedTensorVersioned* exported = tensor->to_dlpack();
  void* const at = tensor->data();

  tensor.reset();
  check_error([&] { bytes_tensor(context, 100, kWorld, 1); }, Errc::invalid_argument, {kActive});
  view.reset();
  check_error([&] { bytes_tensor(context, 100, kWorld, 1); }, Errc::invalid_argument, {kActive});
  exported->deleter(exported);
  CHECK(bytes_tensor(context, 100, kWorld, 1).data() == at);
}

TEST_CASE("a second allocation with an alloc_id returns the same memory, contents and rendezvous") {
  run_threads(2, [](Context& context) {
    void* at = nullptr;
    std::shared_ptr<SymmetricMemory> memory;
    {
      const Tensor tensor = bytes_tensor(context, 64, kWorld, 5);
      at = tensor.data();
      memory = rendezvous(context, tensor);
      tensor.data<int>()[8] = 1234;
      check_ring(*memory);
    }
    // An allocation without an alloc_id gets another range.
    CHECK(bytes_tensor(context, 64).data() != at);
    const Tensor again = empty_strided_p2p(context, {16}, {1}, kInt32, {}, kWorld, 5);
    CHECK(again.data() == at);
    CHECK(again.data<int>()[8] == 1234);
    CHECK(get_symmetric_memory(context, again) == memory);
    CHECK(rendezvous(context, again) == memory);
    check_ring(*memory);
    memory->close();
  });
}

TEST_CASE("an alloc_id with a different size, device or group is refused with both values") {
  Context context(options_of(0, 1));
  context.set_group_info("other", 0, 1, store_of(context));
  context.register_allocator(DeviceType::cuda, std::make_shared<PlainAllocator>());
  void* const at = bytes_tensor(context, 100, kWorld, 1).data();
  check_error([&] { bytes_tensor(context, 101, kWorld, 1); }, Errc::invalid_argument,
              {"alloc_id 1", "bytes 100", "101"});
  check_error([&] { bytes_tensor(context, 100, "other", 1); }, Errc::invalid_argument,
              {"group world", "other"});
  check_error(
      [&] {
        empty_strided_p2p(context, {100}, {1}, kUint8, {DeviceType::cuda, 1}, kWorld, 1);
      },
      Errc::invalid_argument, {"device host", "cuda:1"});
  // A tensor with another shape but the same size in bytes gets the same memory.
  CHECK(empty_strided_p2p(context, {5, 5}, {5, 1}, kInt32, {}, kWorld, 1).data() == at);
}

TEST_CASE("two Contexts may use the same alloc_id for different memory") {
  Context one(options_of(0, 1)), other(options_of(0, 1));
  const Tensor a = bytes_tensor(one, 100, kWorld, 1), b = bytes_tensor(other, 200, kWorld, 1);
  CHECK(a.data() != b.data());
}

TEST_CASE("a failed allocation does not use its alloc_id") {
  Context context(options_of(0, 1));
  check_error([&] { bytes_tensor(context, INT64_MAX / 2, kWorld, 1); }, Errc::exhausted);
  check_error([&] { bytes_tensor(context, 10, "nobody", 1); }, Errc::invalid_argument);
  CHECK_NOTHROW(bytes_tensor(context, 100, kWorld, 1));
}

TEST_CASE("an alloc_id may be used for other memory after end_group of its group") {
  run_threads(2, [](Context& context) {
    for (const std::int64_t bytes : {100, 200, 300}) {
      context.set_group_info("brief", context.rank(), 2, store_of(context));
      const Tensor tensor = bytes_tensor(context, bytes, "brief", 1);
      check_ring(*rendezvous(context, tensor));
      context.end_group("brief");
    }
    // A tensor that outlives its group keeps its memory but does not keep the id in use.
    context.set_group_info("brief", context.rank(), 2, store_of(context));
    const Tensor old = bytes_tensor(context, 100, "brief", 1);
    context.end_group("brief");
    context.set_group_info("brief", context.rank(), 2, store_of(context));
    CHECK(bytes_tensor(context, 100, "brief", 1).data() != old.data());
  });
}

TEST_CASE("ranks that call rendezvous with different alloc_ids get the same error") {
  const auto errors = errors_of_ranks(3, [](Context& context) {
    const auto id = static_cast<std::uint64_t>(context.rank() == 1 ? 8 : 7);
    rendezvous(context, bytes_tensor(context, 100, kWorld, id));
  });
  check_alike(errors, Errc::invalid_argument,
              {"alloc_ids", "7 on rank 0", "8 on rank 1", "rank 2"});
}

TEST_CASE("if several threads request an alloc_id at the same time, exactly one succeeds") {
  Context context(options_of(0, 1));
  std::vector<std::optional<Tensor>> tensors(8);
  const auto errors = errors_of_threads(8, [&](int i) {
    tensors[static_cast<std::size_t>(i)] = bytes_tensor(context, 100, kWorld, 1);
  });
  int refused = 0;
  for (const auto& error : errors)
    if (error) ++refused, check_error(error, Errc::invalid_argument, {kActive});
  CHECK(refused == 7);
}

TEST_CASE("AllocateOptions::id and the parameter alloc_id select the same memory") {
  Context context(options_of(0, 1));
  const auto allocate_on_id = [&] { return context.allocate<float>(25, AllocateOptions{.id = 3}); };
  void* at = nullptr;
  {
    const auto buffer = allocate_on_id();
    at = buffer.data();
    buffer.data()[24] = 0.5f;
    check_error([&] { bytes_tensor(context, 100, kWorld, 3); }, Errc::invalid_argument, {kActive});
  }
  {
    const Tensor tensor = bytes_tensor(context, 100, kWorld, 3);
    CHECK(tensor.data() == at);
    CHECK(tensor.data<float>()[24] == 0.5f);
    check_error(allocate_on_id, Errc::invalid_argument, {kActive});
  }
  CHECK(allocate_on_id().data() == at);
}
