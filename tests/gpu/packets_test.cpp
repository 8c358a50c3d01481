// SPDX-License-Identifier: Apache-2.0
// Data and epoch in one access of 16 bytes.
#include "gpu/gpu.hpp"
#include "gpu/kernels.hpp"

using namespace symmem;
using namespace symmem::gpu;

namespace {

/// Words for `count` packets, zeroed on all ranks.
Words zeroed(Context& context, std::int64_t count) {
  Words words(context, 2 * count);
  ok(cudaMemset(words.data(), 0, words->buffer_size()));
  ok(cudaDeviceSynchronize());
  words->barrier();
  return words;
}

}  // namespace

TEST_CASE("packets of all to all come whole, epoch after epoch") {
  on_gpus([](Context& context) {
    const TestStream stream;
    const Counter wrong;
    const Words words = zeroed(context, 2 * context.world_size() * kPacketThreads);
    launch_packets(stream, words->device_view(), takes_turns(context) ? 20 : 1000, wrong);
    stream.wait();
    CHECK(wrong.value() == 0);
    words->flush();  // No wait has failed.
    words->barrier();
    words->close();
  });
}

TEST_CASE("a wait for a packet that times out marks the memory, and ends the waits of the others") {
  on_gpus(
      [](Context& context) {
        constexpr unsigned long long kShort = 5'000'000, kLong = 300'000'000'000;
        const TestStream stream;
        const Counter wrong;
        const bool first = context.rank() == 0;
        const Words words = zeroed(context, 1);
        launch_vain_packet(stream, words->device_view(), 1 - context.rank(), first ? kShort : kLong,
                           wrong);
        stream.wait();
        CHECK(wrong.value() == 0);
        if (first)
          check_error([&] { words->flush(); }, Errc::timeout,
                      {"GPU: wait_packet: rank 1", "did not come in time"});
        else
          check_error([&] { words->flush(); }, Errc::peer_lost,
                      {"GPU: wait_packet: on the GPU of rank 0", "had failed before"});
        CHECK(cudaGetLastError() == cudaSuccess);
        words->close();
      },
      {2});
}
