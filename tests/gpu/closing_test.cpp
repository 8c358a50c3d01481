// SPDX-License-Identifier: Apache-2.0
// Tests of buffers that are closed while kernels run. Each allocation is larger than half a block,
// so that it has a separate block.
#include "gpu/test_gpu.hpp"
#include "gpu/test_kernels.hpp"

using namespace symmem;
using namespace symmem::gpu;

namespace {

constexpr std::size_t kCount = 1 << 20;  // 8 MiB.
constexpr std::size_t kBytes = kCount * sizeof(std::uint64_t);

void use_and_close(Context& context) {
  const Words words(context, kCount);
  words->put_signal(next_of(context), 0);
  words->wait_signal(previous_of(context), 0);
  words->close();
}

}  // namespace

TEST_CASE("a buffer that is closed while a kernel spins is unmapped after the kernel ends") {
  on_gpus(
      [](Context& context) {
        constexpr int kRounds = 8;
        const TestStream spinning;
        const Counter flag;
        const Words keeper(context, 1);
        const auto round = [&] {
          flag.set(0);
          {
            const Words words(context, kCount);
            words->barrier();
            launch_spin(spinning, flag);
            words->close();
          }
          CHECK(cudaStreamQuery(spinning) == cudaErrorNotReady);
          keeper->barrier();  // All ranks have closed `words` while their kernels spin.
          flag.set(1);
          spinning.wait();
          keeper->barrier();
          // The close() in this call also unmaps closed buffers that have become idle.
          use_and_close(context);
          keeper->barrier();
        };
        round();
        const std::size_t before = free_memory();
        const harness::Resources held = harness::Resources::now();
        keeper->barrier();
        for (int i = 0; i < kRounds; ++i) round();
        CHECK(free_memory() + kRounds * kBytes / 2 >= before);
        CHECK(held.changes() == "");
        keeper->barrier();
        keeper->close();
      },
      {2});
}

TEST_CASE("a closed buffer that is idle is unmapped while a kernel spins on another buffer") {
  on_gpus(
      [](Context& context) {
        const TestStream spinning;
        const Counter flag;
        const Words keeper(context, 1);
        {
          const Words first(context, kCount);
          first->barrier();
          launch_spin(spinning, flag);
          first->close();
        }
        keeper->barrier();
        flag.set(1);
        spinning.wait();
        {
          const Words third(context, kCount);
          keeper->barrier();
          flag.set(0);
          launch_spin(spinning, flag);
          third->close();  // Also unmaps `first`, which has become idle.
        }
        keeper->barrier();
        CHECK(cudaStreamQuery(spinning) == cudaErrorNotReady);
        flag.set(1);
        spinning.wait();
        keeper->barrier();
        keeper->close();
      },
      {2});
}

TEST_CASE(
    "a buffer that is closed while a copy to the buffer is enqueued stays mapped until the copy "
    "completes") {
  on_gpus(
      [](Context& context) {
        const TestStream stream;
        const Counter flag;
        const Words keeper(context, 1);
        {
          const Words words(context, kCount);
          words->barrier();
          launch_spin(stream, flag);
          ok(cudaMemsetAsync(words.data(), 1, kBytes, stream));
          words->close();
        }
        keeper->barrier();
        flag.set(1);
        stream.wait();  // Fails if the copy accessed unmapped memory.
        CHECK(cudaGetLastError() == cudaSuccess);
        keeper->barrier();
        keeper->close();
      },
      {2});
}
