// SPDX-License-Identifier: Apache-2.0
// Tests of packets, which transfer data and an epoch in one 16-byte access.
#include "gpu/test_gpu.hpp"
#include "gpu/test_kernels.hpp"

using namespace symmem;
using namespace symmem::gpu;

namespace {

/// Returns words for `count` packets, zeroed on all ranks.
Words zeroed(Context& context, std::size_t count) {
  Words words(context, 2 * count);
  ok(cudaMemset(words.data(), 0, words->buffer_size()));
  ok(cudaDeviceSynchronize());
  words->barrier();
  return words;
}

}  // namespace

TEST_CASE("all-to-all packets arrive complete in every epoch") {
  on_gpus([](Context& context) {
    const TestStream stream;
    const Counter wrong;
    const auto size = static_cast<std::size_t>(context.world_size());
    const Words words = zeroed(context, 2 * size * kPacketThreads);
    launch_packets(stream, words->device_view(), takes_turns(context) ? 20 : 1000, wrong);
    stream.wait();
    CHECK(wrong.value() == 0);
    words->flush();  // Throws if a wait has failed.
    words->barrier();
    words->close();
  });
}

TEST_CASE("a wait for a packet that times out fails, and the peers' waits then fail too") {
  on_gpus(
      [](Context& context) {
        constexpr unsigned long long kShort = 5'000'000, kLong = 300'000'000'000;
        const TestStream stream;
        const Counter wrong;
        const bool first = context.rank() == 0;
        const Words words = zeroed(context, 1);
        launch_failing_packet(stream, words->device_view(), 1 - context.rank(),
                              first ? kShort : kLong, wrong);
        stream.wait();
        CHECK(wrong.value() == 0);
        if (first)
          check_error([&] { words->flush(); }, Errc::timeout,
                      {"GPU: wait_packet: rank 1", "did not respond in time"});
        else
          check_error([&] { words->flush(); }, Errc::peer_lost,
                      {"GPU: wait_packet: a wait on the GPU of rank 0", "failed earlier"});
        CHECK(cudaGetLastError() == cudaSuccess);
        words->close();
      },
      {2});
}

TEST_CASE("the all-reduce of the examples does not write after its SymmetricMemory has failed") {
  on_gpus(
      [](Context& context) {
        constexpr unsigned kCount = 64;
        constexpr std::size_t kBytes = kCount * sizeof(float);
        constexpr std::size_t kPacket = 2;  // Size of a packet in words.
        const TestStream stream;
        const auto of_host = context.allocate(8);
        // Used for barriers after `words` has failed.
        const auto host = context.rendezvous(of_host);
        for (const bool by_packets : {true, false}) {
          const Words words = zeroed(context, all_reduce_words(2, kCount) / kPacket);
          if (context.rank() == 0) {
            DeviceView view = words->device_view();
            view.timeout_ns = 5'000'000;
            void *input = nullptr, *result = nullptr;
            ok(cudaMalloc(&input, kBytes));
            ok(cudaMalloc(&result, kBytes));
            for (const int byte : {1, 2}) {  // Round 2 fails and must store nothing.
              ok(cudaMemsetAsync(input, byte, kBytes, stream));
              launch_all_reduce(stream, view, by_packets, static_cast<const float*>(input),
                                static_cast<float*>(result), kCount);
              stream.wait();
            }
            check_error([&] { words->flush(); }, Errc::timeout, {"did not respond in time"});
            ok(cudaFree(result));
            ok(cudaFree(input));
          }
          host->barrier();
          if (context.rank() == 1) {
            constexpr std::size_t kFirst = kCount * 2;  // First word of the set of odd rounds.
            for (std::size_t i = 0; i < kBytes / sizeof(std::uint64_t); ++i) {
              CHECK(words.read(kFirst + i * (by_packets ? kPacket : 1)) == 0x0101010101010101);
              if (by_packets) CHECK(words.read(kFirst + i * kPacket + 1) == 1);
            }
          }
          host->barrier();
          words->close();
        }
        host->close();
      },
      {2});
}
