// SPDX-License-Identifier: Apache-2.0
// What goes on working, and what does not, when the Context has ended or a rank has left.
#include "system/check_over.hpp"
#include "system/plain_allocator.hpp"
#include "system/system.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

constexpr std::int64_t kBytes = 4096;

}  // namespace

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
