// SPDX-License-Identifier: Apache-2.0
#include "gpu/test_gpu.hpp"

using namespace symmem;
using namespace symmem::gpu;
using std::chrono::milliseconds;

TEST_CASE(
    "a wait_signal on a stream that times out marks its SymmetricMemory as failed, and CUDA stays "
    "usable") {
  on_gpus(
      [](Context& context) {
        const TestStream stream;
        const Words words(context, 1), other(context, 1);
        if (context.rank() == 0) {
          words->on(stream).wait_signal(1, 5, milliseconds(20));
          stream.wait();
          const std::vector<std::string> parts{"wait_signal on channel 5", "rank 1 (host",
                                               "did not respond in time"};
          check_error([&] { words->put_signal(1, 0); }, Errc::timeout, parts);
          check_error([&] { words->barrier(); }, Errc::timeout, parts);
          check_error([&] { words->on(stream).barrier(); }, Errc::timeout, parts);
          check_error([&] { words->flush(); }, Errc::timeout, parts);
        }
        // The other SymmetricMemory stays usable.
        other->barrier();
        other->on(stream).barrier();
        stream.wait();
        CHECK(cudaGetLastError() == cudaSuccess);
        other->close();
        words->close();
      },
      {2, 4});
}

TEST_CASE(
    "after a wait has failed on one rank, a peer's wait for a later signal from that rank fails at "
    "once") {
  on_gpus(
      [](Context& context) {
        const TestStream stream;
        const Words words(context, 1), other(context, 1);
        if (context.rank() == 0) {
          // All three operations are enqueued before the first wait fails.
          words->on(stream).wait_signal(1, 0, milliseconds(20));
          words->on(stream).put_signal(1, 1);
          words->on(stream).barrier(2, std::chrono::seconds(60));
          stream.wait();
          other->put_signal(1, 0);
        } else {
          other->wait_signal(0, 0);
          words->on(stream).wait_signal(0, 1, std::chrono::seconds(60));
          stream.wait();
          check_error([&] { words->flush(); }, Errc::peer_lost,
                      {"wait_signal on channel 1", "on the GPU of rank 0", "failed earlier"});
        }
        other->close();
        words->close();
      },
      {2});
}

TEST_CASE("a barrier on a stream that times out names the missing rank") {
  on_gpus(
      [](Context& context) {
        const TestStream stream;
        const Words words(context, 1);
        if (context.rank() != 1) {
          words->on(stream).barrier(7, milliseconds(20));
          stream.wait();
          // The error of the first rank that times out names rank 1. The error of the other rank
          // may report the failure of the first rank instead.
          const auto error = harness::error_of([&] { words->flush(); });
          REQUIRE(error);
          if (error->code() == Errc::timeout)
            check_error(error, Errc::timeout, {"barrier on channel 7", "rank 1"});
          else
            check_error(error, Errc::peer_lost, {"barrier on channel 7", "failed earlier"});
        }
        words->close();
      },
      {3});
}

TEST_CASE("a thousand allocations and closes do not increase the used memory") {
  on_gpus(
      [](Context& context) {
        const auto cycle = [&](std::size_t count) {
          const Words words(context, count);
          words->put_signal(next_of(context), 0);
          words->wait_signal(previous_of(context), 0);
          words->close();
        };
        for (int i = 0; i < 20; ++i) cycle(1000), cycle(1 << 20);
        Words alone(context, 1);
        alone->barrier();
        const std::size_t before = free_memory();
        const harness::Resources held = harness::Resources::now();
        alone->barrier();
        for (int i = 0; i < 1000; ++i) cycle(i % 20 == 0 ? 1 << 20 : 1000);
        alone->barrier();
        CHECK(free_memory() + (8u << 20) >= before);
        CHECK(held.changes() == "");
        alone->barrier();
        alone->close();
      },
      {2});
}

TEST_CASE(
    "the error for an allocation that is too large contains the requested and the free bytes") {
  on_gpus(
      [](Context& context) {
        const Device device = gpu_of(context);
        check_error([&] { context.allocate(std::size_t{1} << 42, device); }, Errc::exhausted,
                    {"4398046511104 bytes", "bytes are free"});
        check_error([&] { context.allocate(std::size_t{1} << 62, device); }, Errc::exhausted);
        check_error([&] { context.allocate(1, Device::cuda(99)); }, Errc::invalid_argument,
                    {"there is no CUDA device 99"});
        const auto works = context.allocate(8, device);
        context.rendezvous(works)->close();
      },
      {2});
}

TEST_CASE("a thousand small allocations share a few blocks") {
  on_gpus(
      [](Context& context) {
        const Device device = gpu_of(context);
        std::size_t before = 0, after = 0, total = 0;
        const auto first = context.allocate(4096, device);
        ok(cudaMemGetInfo(&before, &total));
        std::vector<Buffer<>> many;
        for (int i = 0; i < 1000; ++i) many.push_back(context.allocate(4096, device));
        ok(cudaMemGetInfo(&after, &total));
        CHECK(before - after < 16u << 20);
      },
      {1});
}

TEST_CASE("calls do not change the caller's current device") {
  on_gpus(
      [](Context& context) {
        int count = 0, now = -1;
        ok(cudaGetDeviceCount(&count));
        ok(cudaSetDevice(count - 1));
        const auto buffer = context.allocate(8, Device::cuda(0));
        ok(cudaGetDevice(&now));
        CHECK(now == count - 1);
        const auto memory = context.rendezvous(buffer);
        memory->barrier();
        memory->put_signal(0, 0);
        ok(cudaGetDevice(&now));
        CHECK(now == count - 1);
        memory->close();
      },
      {1});
}
