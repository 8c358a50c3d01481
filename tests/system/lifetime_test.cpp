// SPDX-License-Identifier: Apache-2.0
// Tests which calls work and which fail after the Context has ended or a rank has left.
#include "symmem/extend/allocator.hpp"
#include "system/check_over.hpp"
#include "system/system.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

constexpr std::size_t kBytes = 4096;

}  // namespace

TEST_CASE("after a Context has ended its memory stays mapped, and calls report the end") {
  std::optional<Context> context(options_of(0, 1));
  const auto buffer = context->allocate<char>(kBytes);
  const auto large = context->allocate<char>(3 << 20);
  const auto persistent = std::make_optional(bytes_tensor(*context, 10, kWorld, 1));
  const auto allocator = context->get_allocator(DeviceType::host);
  const auto memory = context->rendezvous(buffer);
  CHECK_FALSE(context->is_finalizing());
  context.reset();
  buffer.data()[kBytes - 1] = 'z';
  large.data()[(3 << 20) - 1] = 'z';
  CHECK(persistent->data<char>()[0] == 0);
  check_closed(*memory);
  check_error([&] { allocator->alloc(10, 0, kWorld); }, Errc::finished, {"Context"});
  check_error([&] { allocator->rendezvous(buffer.data(), kWorld); }, Errc::finished, {"Context"});
  CHECK(allocator->get_alloc_size(buffer.data()) == kBytes);
}

TEST_CASE("calls that need a rank that has left fail and name that rank") {
  run_threads(2, [](Context& context) {
    const auto buffer = allocate(context, kBytes);
    const auto memory = context.rendezvous(buffer);
    memory->barrier();
    if (context.rank() == 1) return;
    const std::vector<std::string> parts{"rank 1 (host", "left group \"world\""};
    // This wait fails when the departure is reported; from then on every call fails.
    check_error([&] { memory->wait_signal(1, 0); }, Errc::peer_lost, parts);
    int word = 0;
    check_error([&] { memory->put(1, 0, std::span(&word, 1)); }, Errc::peer_lost, parts);
    check_error([&] { memory->get(1, 0, std::span(&word, 1)); }, Errc::peer_lost, parts);
    check_error([&] { memory->fetch_add(1, 0, 1); }, Errc::peer_lost, parts);
    check_error([&] { memory->put_signal(1, 0); }, Errc::peer_lost, parts);
    check_error([&] { memory->flush(); }, Errc::peer_lost, parts);
    check_error([&] { memory->barrier(); }, Errc::peer_lost, parts);
    CHECK_NOTHROW(
        memory->put(0, 0, std::span(&word, 1)));  // This rank itself can still be accessed.
    check_error([&] { context.rendezvous(allocate(context, 8)); }, Errc::peer_lost, {"rank 1"});
    check_error([&] { memory->close(); }, Errc::peer_lost, {"rank 1"});
    check_closed(*memory);
  });
}

TEST_CASE("wait_signal receives the signals that a rank sent before it left") {
  run_threads(2, [](Context& context) {
    const auto buffer = allocate(context, kBytes);
    const auto memory = context.rendezvous(buffer);
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
