// SPDX-License-Identifier: Apache-2.0
// Tests of operations that are captured in a graph and replayed, and of host calls during a
// capture.
#include "gpu/test_gpu.hpp"
#include "gpu/test_kernels.hpp"

using namespace symmem;
using namespace symmem::gpu;

namespace {

constexpr std::size_t kWord = sizeof(std::uint64_t);
constexpr int kSignals = 2, kBarriers = 3;

/// An executable graph. The constructor ends the capture on a stream, which must be valid, and
/// instantiates the graph.
class Graph {
 public:
  explicit Graph(cudaStream_t stream) {
    cudaGraph_t graph = nullptr;
    ok(cudaStreamEndCapture(stream, &graph));
    const cudaError_t made = cudaGraphInstantiate(&ready_, graph, 0);
    static_cast<void>(cudaGraphDestroy(graph));
    ok(made);
  }
  ~Graph() { static_cast<void>(cudaGraphExecDestroy(ready_)); }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  void launch(cudaStream_t stream) const { ok(cudaGraphLaunch(ready_, stream)); }

 private:
  cudaGraphExec_t ready_ = nullptr;
};

std::uint64_t read(const std::uint64_t* word) {
  std::uint64_t value = 0;
  ok(cudaMemcpy(&value, word, sizeof value, cudaMemcpyDefault));
  return value;
}

/// Enqueues one round: puts word 0, the round number, to word 1 of the next rank and gets word 0 of
/// the previous rank into word 2. Then compares the words and increments word 0.
void capture_round(const Context& context, const Words& words, cudaStream_t stream,
                   unsigned* wrong) {
  const int next = next_of(context), previous = previous_of(context);
  const StreamOperations on = words->on(stream);
  on.put(next, kWord, words.span(0));
  on.put_signal(next, kSignals);
  on.wait_signal(previous, kSignals);
  on.get(previous, 0, words.span(2));
  launch_compare(stream, words.data(), wrong);
  on.barrier(kBarriers);
  launch_advance(stream, words.data());
}

/// Launches each kernel once. The first launch loads the kernel, which is not permitted during a
/// capture.
void load_kernels(const Words& words, cudaStream_t stream, unsigned* wrong) {
  launch_compare(stream, words.data(), wrong);
  launch_advance(stream, words.data() + 3);
  ok(cudaStreamSynchronize(stream));
}

}  // namespace

TEST_CASE("all counts are exact after ten thousand replays of a graph with every operation") {
  auto settings = with({});
  settings.deadline *= 4;
  on_gpus(
      [](Context& context) {
        const int replays = takes_turns(context) ? 1000 : 10'000;
        const TestStream stream;
        const Counter wrong;
        const Words words(context, 4);
        load_kernels(words, stream, wrong);
        words->barrier();
        ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
        capture_round(context, words, stream, wrong);
        const Graph graph(stream);
        for (int i = 0; i < replays; ++i) graph.launch(stream);
        stream.wait();
        const auto expected = static_cast<std::uint64_t>(replays);
        CHECK(wrong.value() == 0);
        CHECK(words.read(0) == expected);
        const DeviceView view = words->device_view();
        CHECK(read(view.state.taken + kSignals * view.world_size + previous_of(context)) ==
              expected);
        CHECK(read(view.state.epochs + kBarriers) == expected);
        // There is no unconsumed signal, and host calls continue with the same counters.
        words->barrier(kBarriers);
        check_error(
            [&] {
              words->wait_signal(previous_of(context), kSignals, std::chrono::milliseconds(1));
            },
            Errc::timeout);
        words->barrier(kBarriers);
        words->put_signal(next_of(context), kSignals);
        words->wait_signal(previous_of(context), kSignals);
        words->close();
      },
      {2}, settings);
}

TEST_CASE("one graph is launched alternately on two streams") {
  on_gpus(
      [](Context& context) {
        const TestStream first, second;
        const Counter wrong;
        const Words words(context, 4);
        load_kernels(words, first, wrong);
        words->barrier();
        ok(cudaStreamBeginCapture(first, cudaStreamCaptureModeThreadLocal));
        capture_round(context, words, first, wrong);
        const Graph graph(first);
        for (int i = 0; i < 10; ++i) {
          graph.launch(first);
          first.wait();
          graph.launch(second);
          second.wait();
        }
        CHECK(wrong.value() == 0);
        CHECK(words.read(0) == 20);
        words->barrier();
        words->close();
      },
      {2, 4});
}

TEST_CASE("allocation, rendezvous and host calls do not invalidate a capture") {
  on_gpus(
      [](Context& context) {
        const TestStream stream;
        const Counter wrong;
        const Words words(context, 4);
        load_kernels(words, stream, wrong);
        words->barrier();
        ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
        capture_round(context, words, stream, wrong);
        const Words large(context, 4 << 17), small(context, 8);  // 4 MiB need a separate block.
        for (const Words* const beside : {&large, &small}) {
          const auto mark = static_cast<std::uint64_t>(context.rank()) + 7;
          std::uint64_t received = 0;
          (*beside)->put(next_of(context), kWord, std::span(&mark, 1));
          (*beside)->put_with_signal(next_of(context), 2 * kWord, std::span(&mark, 1), 1);
          (*beside)->wait_signal(previous_of(context), 1);
          (*beside)->barrier();
          (*beside)->get(context.rank(), kWord, std::span(&received, 1));
          CHECK(received == static_cast<std::uint64_t>(previous_of(context)) + 7);
          (*beside)->fetch_add<std::uint64_t>(next_of(context), 0, 1);
          (*beside)->flush();
          (*beside)->barrier();
        }
        cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
        ok(cudaStreamIsCapturing(stream, &status));
        CHECK(status == cudaStreamCaptureStatusActive);
        const Graph graph(stream);
        for (int i = 0; i < 5; ++i) graph.launch(stream);
        stream.wait();
        CHECK(wrong.value() == 0);
        CHECK(words.read(0) == 5);
        CHECK(large.read(0) == 1);
        words->barrier();
        small->close();
        large->close();
        words->close();
      },
      {2, 4});
}

TEST_CASE("a buffer that is closed during a capture is unmapped by the next close") {
  on_gpus(
      [](Context& context) {
        constexpr std::size_t kCount = 4 << 20;  // 32 MiB need a separate block.
        const TestStream stream;
        const Words words(context, 4);
        const auto use_and_close = [&] {
          const Words large(context, kCount);
          large->barrier();
          large->close();
        };
        use_and_close();
        words->barrier();
        const std::size_t before = free_memory();
        words->barrier();
        ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
        words->on(stream).put(next_of(context), kWord, words.span(0));
        use_and_close();
        cudaGraph_t graph = nullptr;
        // The event that symmem records to detect when the buffer is idle may invalidate the
        // capture.
        if (cudaStreamEndCapture(stream, &graph) == cudaSuccess) ok(cudaGraphDestroy(graph));
        static_cast<void>(cudaGetLastError());
        use_and_close();
        words->barrier();
        CHECK(free_memory() + kCount * kWord / 2 >= before);
        words.write(0, 7);
        words->barrier();
        ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
        words->on(stream).put(next_of(context), kWord, words.span(0));
        words->on(stream).barrier(kBarriers);
        Graph(stream).launch(stream);
        stream.wait();
        CHECK(words.read(1) == 7);
        words->barrier();
        words->close();
      },
      {2});
}
