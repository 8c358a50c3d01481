// SPDX-License-Identifier: Apache-2.0
// Tests of barriers that kernels call, and of barriers that fail.
#include "gpu/test_gpu.hpp"
#include "gpu/test_kernels.hpp"

using namespace symmem;
using namespace symmem::gpu;
using std::chrono::milliseconds;

namespace {

constexpr unsigned long long kShortNs = 5'000'000, kLongNs = 60'000'000'000;

/// Checks that `words` is usable after another SymmetricMemory has failed.
void check_usable(Context& context, const Words& words, cudaStream_t stream) {
  words->on(stream).barrier(1);
  ok(cudaStreamSynchronize(stream));
  words->put_signal(next_of(context), 2);
  words->wait_signal(previous_of(context), 2);
  CHECK(cudaGetLastError() == cudaSuccess);
}

}  // namespace

TEST_CASE("one Barrier object in a kernel synchronises many rounds") {
  on_gpus([](Context& context) {
    const int rounds = takes_turns(context) ? 40 : 1000;
    const TestStream stream;
    const Counter wrong;
    const Words words(context, 64);
    for (const Scope scope : kScopes) {
      launch_barrier_object(stream, words->device_view(), scope, 5, rounds, wrong);
      stream.wait();
      CHECK(wrong.value() == 0);
      // Barriers on a stream and on the host continue with the epoch after the last barrier of the
      // Barrier object.
      words->on(stream).barrier(5);
      stream.wait();
      words->barrier(5);
    }
    words->flush();  // Throws if a wait has failed.
    words->close();
  });
}

TEST_CASE(
    "a Barrier that times out in a kernel marks its SymmetricMemory as failed, for every scope") {
  on_gpus(
      [](Context& context) {
        const TestStream stream;
        const Counter wrong;
        const Words other(context, 1);
        for (const Scope scope : kScopes) {
          const Words words(context, 1);
          if (context.rank() == 0) {
            launch_failing_barrier(stream, words->device_view(), scope, 3, kShortNs, wrong);
            // After the failure every wait of `words` fails at once, also a wait with a long
            // timeout.
            launch_failing_barrier(stream, words->device_view(), scope, 4, kLongNs, wrong);
            launch_failing_wait(stream, words->device_view(), scope, 1, 6, kLongNs, wrong);
            stream.wait();
            const std::vector<std::string> parts{"barrier on channel 3", "rank 1 (host",
                                                 "did not respond in time"};
            check_error([&] { words->flush(); }, Errc::timeout, parts);
            check_error([&] { words->barrier(5); }, Errc::timeout, parts);
            check_error([&] { words->put_signal(1, 0); }, Errc::timeout, parts);
            check_error([&] { words->on(stream).put_signal(1, 0); }, Errc::timeout, parts);
            other->put_signal(1, 0);
          } else {
            other->wait_signal(0, 0);
            launch_failing_barrier(stream, words->device_view(), scope, 3, kLongNs, wrong);
            stream.wait();
            check_error([&] { words->flush(); }, Errc::peer_lost,
                        {"barrier on channel 3", "on the GPU of rank 0", "failed earlier"});
          }
          CHECK(wrong.value() == 0);
          check_usable(context, other, stream);
          words->close();
        }
        other->close();
      },
      {2});
}

TEST_CASE(
    "after a host barrier has timed out, barriers fail on its channel but on no other channel") {
  on_gpus(
      [](Context& context) {
        const TestStream stream;
        const Counter wrong;
        const Words words(context, 1), other(context, 1);
        if (context.rank() == 0) {
          check_error([&] { words->barrier(5, milliseconds(20)); }, Errc::timeout,
                      {"barrier on channel 5", "still missing: rank 1 (host"});
          const std::vector<std::string> parts{"channel 5", "use another channel"};
          check_error([&] { words->on(stream).barrier(5); }, Errc::finished, parts);
          check_error([&] { words->barrier(5); }, Errc::finished, parts);
        }
        // Other channels and the signals of this channel stay usable.
        words->barrier(6);
        words->on(stream).barrier(7);
        words->on(stream).put_signal(next_of(context), 5);
        words->on(stream).wait_signal(previous_of(context), 5);
        stream.wait();
        other->barrier();  // The next kernel ends all waits of `words` in flight.
        if (context.rank() == 0) {
          launch_failing_barrier(stream, words->device_view(), Scope::warp, 5, kLongNs, wrong);
          stream.wait();
          CHECK(wrong.value() == 0);
          check_error([&] { words->flush(); }, Errc::finished,
                      {"barrier on channel 5", "an earlier host barrier"});
        }
        check_usable(context, other, stream);
        words->close();
        other->close();
      },
      {2});
}
