// SPDX-License-Identifier: Apache-2.0
#include <type_traits>

#include "gpu/test_gpu.hpp"

using namespace symmem;
using namespace symmem::gpu;

namespace {

constexpr std::size_t kWord = sizeof(std::uint64_t);

static_assert(std::is_convertible_v<cudaStream_t, Stream>);
static_assert(!std::is_constructible_v<Stream, int>);
static_assert(!std::is_constructible_v<Stream, bool>);
static_assert(!std::is_constructible_v<Stream, long>);
static_assert(!std::is_constructible_v<Stream, std::nullptr_t>);
static_assert(!std::is_constructible_v<Stream, void*>);
static_assert(!std::is_constructible_v<Stream, cudaEvent_t>);
static_assert(!std::is_constructible_v<Stream, cudaStream_t*>);
static_assert(!std::is_default_constructible_v<Stream>);

/// Passes word 0 one step around the ring: puts word 0 to word 1 of the next rank with a signal,
/// and copies the word received from the previous rank to word 0.
void turn(const Words& words, const Context& context, cudaStream_t stream) {
  const StreamOperations on = words->on(stream);
  on.put_with_signal(next_of(context), kWord, words.span(0), 0);
  on.wait_signal(previous_of(context), 0);
  ok(cudaMemcpyAsync(words.data(), words.data() + 1, kWord, cudaMemcpyDefault, stream));
  on.barrier(4);  // After this barrier, word 1 may be overwritten.
}

}  // namespace

TEST_CASE("operations on a stream execute in stream order") {
  on_gpus([](Context& context) {
    const TestStream stream;
    const Words words(context, 4);
    words.write(0, static_cast<std::uint64_t>(context.rank()) + 100);
    words->barrier();
    for (int i = 0; i < 3 * context.world_size() + 1; ++i) turn(words, context, stream);
    stream.wait();
    CHECK(words.read(0) == static_cast<std::uint64_t>(previous_of(context)) + 100);
    words->barrier();
    words->close();
  });
}

TEST_CASE("operations work on the legacy and the per-thread default stream") {
  on_gpus(
      [](Context& context) {
        const Words words(context, 4);
        for (const cudaStream_t stream :
             {Stream::legacy_default().get(), cudaStreamLegacy, cudaStreamPerThread}) {
          words.write(0, static_cast<std::uint64_t>(context.rank()) + 100);
          words->barrier();
          for (int i = 0; i < context.world_size() + 1; ++i) turn(words, context, stream);
          ok(cudaStreamSynchronize(stream));
          CHECK(words.read(0) == static_cast<std::uint64_t>(previous_of(context)) + 100);
          words->barrier();
        }
        words->close();
      },
      {2, 4});
}

TEST_CASE("operations refuse a stream of another device") {
  if (!harness::can_use_gpus(2)) return;
  on_gpus(
      [](Context& context) {
        const Words words(context, 4);
        ok(cudaSetDevice(1 - device_of(context)));
        const TestStream elsewhere;
        ok(cudaSetDevice(device_of(context)));
        const StreamOperations on = words->on(elsewhere);
        const std::string part = "does not belong to cuda:" + std::to_string(device_of(context));
        check_error([&] { on.put(1, 0, words.span(1)); }, Errc::invalid_argument, {part});
        check_error([&] { on.get(1, 0, words.span(1)); }, Errc::invalid_argument, {part});
        check_error([&] { on.put_signal(1, 0); }, Errc::invalid_argument, {part});
        check_error([&] { on.wait_signal(1, 0); }, Errc::invalid_argument, {part});
        check_error([&] { on.put_with_signal(1, 0, words.span(1), 0); }, Errc::invalid_argument,
                    {part});
        check_error([&] { on.barrier(); }, Errc::invalid_argument, {part});
        elsewhere.wait();
        words->barrier();
        words->close();
      },
      {2});
}

TEST_CASE("puts of every size, from GPU and host memory, are visible after the signal") {
  on_gpus(
      [](Context& context) {
        constexpr std::size_t kLargest = 1 << 20;
        const TestStream stream;
        const Words words(context, 2 * kLargest / kWord);
        auto* const landing = reinterpret_cast<std::byte*>(words.data()) + kLargest;
        for (const std::size_t bytes : {1, 8, 20, 4096, 65'536, 65'540, 1 << 20})
          for (const bool from_host : {false, true}) {
            const auto mark = [&](int rank) {
              return static_cast<int>(bytes % 100) + rank + (from_host ? 50 : 0);
            };
            std::vector<std::byte> host(bytes, static_cast<std::byte>(mark(context.rank())));
            ok(cudaMemsetAsync(words.data(), mark(context.rank()), bytes, stream));
            const std::span<const std::byte> source{
                from_host ? host.data() : reinterpret_cast<std::byte*>(words.data()), bytes};
            words->on(stream).put_with_signal(next_of(context), kLargest, source, 1);
            words->on(stream).wait_signal(previous_of(context), 1);
            std::vector<std::byte> received(bytes);
            ok(cudaMemcpyAsync(received.data(), landing, bytes, cudaMemcpyDefault, stream));
            stream.wait();
            CHECK(received == std::vector<std::byte>(
                                  bytes, static_cast<std::byte>(mark(previous_of(context)))));
            words->on(stream).barrier();
          }
        stream.wait();
        words->close();
      },
      {2, 4});
}

TEST_CASE("a barrier on a stream separates puts from gets") {
  on_gpus([](Context& context) {
    const auto size = static_cast<std::size_t>(context.world_size());
    const TestStream stream;
    const Words words(context, 3 * size);
    const auto rank = static_cast<std::size_t>(context.rank());
    words.write(0, 1000 + rank);
    const StreamOperations on = words->on(stream);
    for (int to = 0; to < context.world_size(); ++to)
      on.put(to, (size + rank) * kWord, words.span(0));
    on.barrier(3);
    for (int from = 0; from < context.world_size(); ++from)
      on.get(from, (size + rank) * kWord, words.span(2 * size + static_cast<std::size_t>(from)));
    on.barrier(3);
    stream.wait();
    for (std::size_t r = 0; r < size; ++r) {
      CHECK(words.read(size + r) == 1000 + r);
      CHECK(words.read(2 * size + r) == 1000 + rank);
    }
    words->close();
  });
}

TEST_CASE("host calls and streams share the counters of a channel, and channels are independent") {
  on_gpus([](Context& context) {
    const TestStream stream;
    const Words words(context, 1);
    const int next = next_of(context), previous = previous_of(context);
    for (int i = 0; i < 20; ++i) {
      words->put_signal(next, 0);
      words->on(stream).wait_signal(previous, 0);
      words->on(stream).put_signal(next, 1);
      words->wait_signal(previous, 1);
      words->barrier(2);
      words->on(stream).barrier(2);
    }
    stream.wait();
    check_error([&] { words->wait_signal(previous, 0, std::chrono::milliseconds(1)); },
                Errc::timeout);
    words->barrier();
    words->close();
  });
}

TEST_CASE(
    "a captured ring step can be replayed many times, also if memory was allocated during the "
    "capture") {
  on_gpus(
      [](Context& context) {
        const TestStream stream;
        const Words words(context, 2);
        words.write(0, static_cast<std::uint64_t>(context.rank()));
        words->barrier();
        ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
        turn(words, context, stream);
        const auto beside = context.allocate(1000, gpu_of(context));
        CHECK(beside.data() != nullptr);
        cudaGraph_t graph = nullptr;
        ok(cudaStreamEndCapture(stream, &graph));
        cudaGraphExec_t replay = nullptr;
        ok(cudaGraphInstantiate(&replay, graph, 0));
        const int turns = 100 * context.world_size() + 1;
        for (int i = 0; i < turns; ++i) ok(cudaGraphLaunch(replay, stream));
        stream.wait();
        CHECK(words.read(0) == static_cast<std::uint64_t>(previous_of(context)));
        // Host calls continue with the same counters.
        words->put_signal(next_of(context), 0);
        words->wait_signal(previous_of(context), 0);
        words->barrier(4);
        ok(cudaGraphExecDestroy(replay));
        ok(cudaGraphDestroy(graph));
        words->close();
      },
      {2, 4});
}

TEST_CASE("stream operations throw on invalid arguments in the host call and enqueue nothing") {
  on_gpus(
      [](Context& context) {
        const Words words(context, 4);
        const StreamOperations on = words->on(Stream::legacy_default());
        std::uint64_t value = 0;
        const std::span word(&value, 1);
        const std::span<const std::byte> null(static_cast<const std::byte*>(nullptr), 8);
        const std::span<std::byte> wraps(reinterpret_cast<std::byte*>(UINTPTR_MAX - 3), 8);
        check_error([&] { on.put(2, 0, word); }, Errc::invalid_argument, {"rank 2"});
        check_error([&] { on.put(1, 32, word); }, Errc::invalid_argument, {"exceed the buffer"});
        check_error([&] { on.get(1, SIZE_MAX, word); }, Errc::invalid_argument);
        check_error([&] { on.put_signal(1, 64); }, Errc::invalid_argument, {"channel 64"});
        check_error([&] { on.put(1, 0, null); }, Errc::invalid_argument,
                    {"put on a stream: the local span is null"});
        check_error([&] { on.get(1, 0, wraps); }, Errc::invalid_argument,
                    {"get on a stream", "exceed the address space"});
        check_error([&] { on.wait_signal(-1, 0); }, Errc::invalid_argument, {"rank -1"});
        check_error([&] { on.wait_signal(0, 0, std::chrono::milliseconds(-1)); },
                    Errc::invalid_argument, {"negative"});
        check_error([&] { on.barrier(-1); }, Errc::invalid_argument, {"channel -1"});
        const auto host = context.allocate(4);
        const auto memory = context.rendezvous(host);
        check_error([&] { memory->on(Stream::legacy_default()); }, Errc::unsupported,
                    {"on: the memory is on host"});
        check_error([&] { memory->device_view(); }, Errc::unsupported, {"not on a GPU"});
        memory->close();
        words->close();
      },
      {2});
}
