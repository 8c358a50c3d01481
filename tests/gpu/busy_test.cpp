// SPDX-License-Identifier: Apache-2.0
// Tests of host calls on a GPU that is busy with other kernels.
#include "base/deadline.hpp"
#include "gpu/test_gpu.hpp"
#include "gpu/test_kernels.hpp"

using namespace symmem;
using namespace symmem::gpu;
using std::chrono::milliseconds;

TEST_CASE("host calls complete while a kernel spins") {
  on_gpus(
      [](Context& context) {
        const TestStream spinning;
        const Counter flag;
        const Words words(context, 4);
        launch_spin(spinning, flag);
        for (int i = 0; i < 10; ++i) {
          std::uint64_t word = static_cast<std::uint64_t>(i), back = 0;
          words->put(next_of(context), 0, std::span(&word, 1));
          words->barrier();
          words->get(context.rank(), 0, std::span(&back, 1));
          CHECK(back == word);
          words->fetch_add<std::uint64_t>(next_of(context), 8, 1);
          words->barrier();
        }
        const auto more = context.allocate(1 << 20, gpu_of(context));
        context.rendezvous(more)->close();
        flag.set(1);
        spinning.wait();
        words->close();
      },
      {2});
}

TEST_CASE("a host call whose kernel cannot start times out, and the kernel never runs") {
  on_gpus(
      [](Context& context) {
        const TestStream spinning;
        const Counter flag;
        const Words words(context, 1);
        const auto of_host = context.allocate(8);
        // Used for barriers that do not use the GPU.
        const auto host = context.rendezvous(of_host);
        words->barrier();
        host->barrier();
        if (context.rank() == 0) {
          const Counter begun;
          const unsigned blocks = launch_spin_everywhere(spinning, flag, begun);
          const Deadline deadline = Deadline::in(std::chrono::seconds(60), {});
          while (begun.value() < blocks) REQUIRE_FALSE(deadline.expired());
          for (int i = 0; i < 3; ++i)
            check_error([&] { words->wait_signal(1, 0, milliseconds(1)); }, Errc::timeout,
                        {"kernel did not start", "all SMs or hardware queues are busy"});
          CHECK(cudaStreamQuery(spinning) == cudaErrorNotReady);
          flag.set(1);
          spinning.wait();
        }
        host->barrier();
        if (context.rank() == 1) words->put_signal(0, 0);
        if (context.rank() == 0) {
          words->wait_signal(1, 0);  // Succeeds: no abandoned kernel has consumed the signal.
          check_error([&] { words->wait_signal(1, 0, milliseconds(1)); }, Errc::timeout,
                      {"signal"});
        }
        words->barrier();
        host->close();
        words->close();
      },
      {2});
}

TEST_CASE("host calls complete while streams wait for peers if each stream has a hardware queue") {
  on_gpus(
      [](Context& context) {
        constexpr int kStreams = 12;  // Exceeds the default of 8 hardware queues.
        const int next = next_of(context), previous = previous_of(context);
        const Words words(context, kStreams);
        const std::vector<TestStream> streams(kStreams);
        words->barrier();
        // A wait blocks the hardware queue of its stream. The last stream is signalled first.
        for (int i = 0; i < kStreams; ++i) {
          const StreamOperations on = words->on(streams[static_cast<std::size_t>(i)]);
          on.wait_signal(previous, i);
          on.put_signal(next, kStreams + i);
        }
        words->barrier(kStreams);
        for (int i = kStreams - 1; i >= 0; --i) words->put_signal(next, i);
        for (int i = 0; i < kStreams; ++i) words->wait_signal(previous, kStreams + i);
        words->flush();
        words->barrier();
        words->close();
      },
      {2, 4}, with({{"CUDA_DEVICE_MAX_CONNECTIONS", "32"}}));
}
