// SPDX-License-Identifier: Apache-2.0
// Memory that goes while kernels run. Each is larger than half a block, and so has one of its own.
#include "gpu/test_gpu.hpp"
#include "gpu/test_kernels.hpp"

using namespace symmem;
using namespace symmem::gpu;

namespace {

constexpr std::int64_t kCount = 1 << 20;  // 8 MiB.
constexpr std::size_t kBytes = kCount * sizeof(std::uint64_t);

/// Meets, is used and goes.
void use_and_close(Context& context) {
  const Words words(context, kCount);
  words->put_signal(next_of(context), 0);
  words->wait_signal(previous_of(context), 0);
  words->close();
}

}  // namespace

TEST_CASE("memory is closed and freed beside a kernel that spins, and is there again after it") {
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
          keeper->barrier();  // The others have closed it beside their kernels, too.
          flag.set(1);
          spinning.wait();
          keeper->barrier();
          use_and_close(context);  // What became idle goes with the next that goes.
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

TEST_CASE("what nothing uses any more is unmapped beside a kernel that spins on other memory") {
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
          third->close();  // And the first, which has become idle, with it.
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

TEST_CASE("memory goes while a stream still has a copy into it to do") {
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
        stream.wait();  // An access to unmapped memory would be an error here.
        CHECK(cudaGetLastError() == cudaSuccess);
        keeper->barrier();
        keeper->close();
      },
      {2});
}
