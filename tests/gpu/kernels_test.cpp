// SPDX-License-Identifier: Apache-2.0
#include "gpu/test_kernels.hpp"

#include "gpu/test_gpu.hpp"
#include "symmem/torch_compat.hpp"

using namespace symmem;
using namespace symmem::gpu;

TEST_CASE("kernels pass words around a ring with signals of thread, warp and block scope") {
  on_gpus([](Context& context) {
    const TestStream stream;
    const Counter wrong;
    const Words words(context, 256);
    for (const Scope scope : kScopes) {
      launch_ring(stream, words->device_view(), scope, 50, wrong);
      stream.wait();
      CHECK(wrong.value() == 0);
    }
    words->flush();  // Throws if a wait has failed.
    words->barrier();
    words->close();
  });
}

TEST_CASE(
    "barriers of every scope in kernels share epochs with barriers on streams and on the host") {
  on_gpus([](Context& context) {
    const TestStream stream;
    const Counter wrong;
    const Words words(context, 64);
    for (const Scope scope : kScopes) {
      launch_barriers(stream, words->device_view(), scope, 50, wrong);
      words->on(stream).barrier(0);
      stream.wait();
      words->barrier(0);
      CHECK(wrong.value() == 0);
    }
    words->flush();
    words->close();
  });
}

TEST_CASE(
    "a wait_signal in a kernel that times out marks its SymmetricMemory as failed, and CUDA stays "
    "usable") {
  on_gpus(
      [](Context& context) {
        const TestStream stream;
        const Counter wrong;
        for (const Scope scope : kScopes) {
          const Words words(context, 1);
          if (context.rank() == 0) {
            launch_failing_wait(stream, words->device_view(), scope, 1, 3, 5'000'000, wrong);
            stream.wait();
            CHECK(wrong.value() == 0);
            check_error([&] { words->flush(); }, Errc::timeout,
                        {"wait_signal on channel 3", "rank 1"});
          }
          words->close();
        }
        CHECK(cudaGetLastError() == cudaSuccess);
      },
      {2});
}

TEST_CASE(
    "a DeviceView uses tables in GPU memory if the group has more ranks than the inline tables") {
  on_gpus(
      [](Context& context) {
        const Words words(context, 64);
        std::vector<void*> table(static_cast<std::size_t>(context.world_size()));
        const std::size_t bytes = table.size() * sizeof(void*);
        ok(cudaMemcpy(table.data(), get_buffer_ptrs_dev(*words.memory), bytes, cudaMemcpyDefault));
        CHECK(table == get_buffer_ptrs(*words.memory));
        ok(cudaMemcpy(table.data(), get_signal_pad_ptrs_dev(*words.memory), bytes,
                      cudaMemcpyDefault));
        CHECK(table == get_signal_pad_ptrs(*words.memory));
        const TestStream stream;
        const Counter wrong;
        launch_barriers(stream, words->device_view(), Scope::block, 3, wrong);
        stream.wait();
        CHECK(wrong.value() == 0);
        words->barrier();
        words->close();
      },
      {device::PadState::kInlinePeers + 2});
}
