// SPDX-License-Identifier: Apache-2.0
#include "gpu/test_gpu.hpp"

using namespace symmem;
using namespace symmem::gpu;

namespace {

constexpr std::size_t kWord = sizeof(std::uint64_t);

/// One turn around the ring: a word to the next rank, with its signal, then the one that comes.
void turn(const Words& words, const Context& context, cudaStream_t stream) {
  const StreamOperations on = words->on(stream);
  on.put_with_signal(next_of(context), kWord, words.data(), kWord, 0);
  on.wait_signal(previous_of(context), 0);
  ok(cudaMemcpyAsync(words.data(), words.data() + 1, kWord, cudaMemcpyDefault, stream));
  on.barrier(4);  // The next word may come where this one was.
}

}  // namespace

TEST_CASE("operations on a stream take place in its order") {
  on_gpus([](Context& context) {
    const TestStream stream;
    const Words words(context, 4);
    words.write(0, static_cast<std::uint64_t>(context.rank()) + 100);
    words->barrier();
    for (int i = 0; i < 3 * context.world_size() + 1; ++i) turn(words, context, stream);
    stream.wait();
    CHECK(words.look(0) == static_cast<std::uint64_t>(previous_of(context)) + 100);
    words->barrier();
    words->close();
  });
}

TEST_CASE("the legacy default stream and that of the thread are streams as others") {
  on_gpus(
      [](Context& context) {
        const Words words(context, 4);
        for (const cudaStream_t stream : {cudaStream_t{}, cudaStreamLegacy, cudaStreamPerThread}) {
          words.write(0, static_cast<std::uint64_t>(context.rank()) + 100);
          words->barrier();
          for (int i = 0; i < context.world_size() + 1; ++i) turn(words, context, stream);
          ok(cudaStreamSynchronize(stream));
          CHECK(words.look(0) == static_cast<std::uint64_t>(previous_of(context)) + 100);
          words->barrier();
        }
        words->close();
      },
      {2, 4});
}

TEST_CASE("a stream of another device is refused") {
  if (!harness::can_use_gpus(2)) return;
  on_gpus(
      [](Context& context) {
        const Words words(context, 4);
        ok(cudaSetDevice(1 - device_of(context)));
        const TestStream elsewhere;
        ok(cudaSetDevice(device_of(context)));
        const StreamOperations on = words->on(elsewhere);
        const std::string part = "not one of cuda:" + std::to_string(device_of(context));
        check_error([&] { on.put(1, 0, words.data() + 1, 8); }, Errc::invalid_argument, {part});
        check_error([&] { on.get(1, 0, words.data() + 1, 8); }, Errc::invalid_argument, {part});
        check_error([&] { on.put_signal(1, 0); }, Errc::invalid_argument, {part});
        check_error([&] { on.wait_signal(1, 0); }, Errc::invalid_argument, {part});
        check_error([&] { on.put_with_signal(1, 0, words.data() + 1, 8, 0); },
                    Errc::invalid_argument, {part});
        check_error([&] { on.barrier(); }, Errc::invalid_argument, {part});
        elsewhere.wait();
        words->barrier();
        words->close();
      },
      {2});
}

TEST_CASE("puts of every size, from GPU and host memory, are there with their signal") {
  on_gpus(
      [](Context& context) {
        constexpr std::size_t kLargest = 1 << 20;
        const TestStream stream;
        const Words words(context, 2 * kLargest / kWord);
        auto* const landing = words.tensor.data<std::byte>() + kLargest;
        for (const std::size_t bytes : {1, 8, 20, 4096, 65'536, 65'540, 1 << 20})
          for (const bool from_host : {false, true}) {
            const auto mark = [&](int rank) {
              return static_cast<int>(bytes % 100) + rank + (from_host ? 50 : 0);
            };
            std::vector<std::byte> host(bytes, static_cast<std::byte>(mark(context.rank())));
            ok(cudaMemsetAsync(words.data(), mark(context.rank()), bytes, stream));
            const void* source = from_host ? static_cast<const void*>(host.data()) : words.data();
            words->on(stream).put_with_signal(next_of(context), kLargest, source, bytes, 1);
            words->on(stream).wait_signal(previous_of(context), 1);
            std::vector<std::byte> came(bytes);
            ok(cudaMemcpyAsync(came.data(), landing, bytes, cudaMemcpyDefault, stream));
            stream.wait();
            CHECK(came == std::vector<std::byte>(
                              bytes, static_cast<std::byte>(mark(previous_of(context)))));
            words->on(stream).barrier();
          }
        stream.wait();
        words->close();
      },
      {2, 4});
}

TEST_CASE("puts and gets on a stream, and a barrier between them") {
  on_gpus([](Context& context) {
    const auto size = static_cast<std::size_t>(context.world_size());
    const TestStream stream;
    const Words words(context, static_cast<std::int64_t>(3 * size));
    const auto rank = static_cast<std::size_t>(context.rank());
    words.write(0, 1000 + rank);
    const StreamOperations on = words->on(stream);
    for (int to = 0; to < context.world_size(); ++to)
      on.put(to, (size + rank) * kWord, words.data(), kWord);
    on.barrier(3);
    for (int from = 0; from < context.world_size(); ++from)
      on.get(from, (size + rank) * kWord, words.data() + 2 * size + static_cast<std::size_t>(from),
             kWord);
    on.barrier(3);
    stream.wait();
    for (std::size_t r = 0; r < size; ++r) {
      CHECK(words.look(size + r) == 1000 + r);
      CHECK(words.look(2 * size + r) == 1000 + rank);
    }
    words->close();
  });
}

TEST_CASE("host, streams and several channels count together") {
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

TEST_CASE("a captured turn is replayed many times, with an allocation beside the capture") {
  on_gpus(
      [](Context& context) {
        const TestStream stream;
        const Words words(context, 2);
        words.write(0, static_cast<std::uint64_t>(context.rank()));
        words->barrier();
        ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
        turn(words, context, stream);
        const Tensor beside =
            context.empty_strided_p2p({1000}, {1}, kUint8, {DeviceType::cuda, device_of(context)});
        CHECK(beside.data() != nullptr);
        cudaGraph_t graph = nullptr;
        ok(cudaStreamEndCapture(stream, &graph));
        cudaGraphExec_t replay = nullptr;
        ok(cudaGraphInstantiate(&replay, graph, 0));
        const int turns = 100 * context.world_size() + 1;
        for (int i = 0; i < turns; ++i) ok(cudaGraphLaunch(replay, stream));
        stream.wait();
        CHECK(words.look(0) == static_cast<std::uint64_t>(previous_of(context)));
        // And the counts fit those of the host afterwards.
        words->put_signal(next_of(context), 0);
        words->wait_signal(previous_of(context), 0);
        words->barrier(4);
        ok(cudaGraphExecDestroy(replay));
        ok(cudaGraphDestroy(graph));
        words->close();
      },
      {2, 4});
}

TEST_CASE("what cannot be on a stream is refused at once") {
  on_gpus(
      [](Context& context) {
        const Words words(context, 4);
        const StreamOperations on = words->on(nullptr);
        std::uint64_t word = 0;
        check_error([&] { on.put(2, 0, &word, 8); }, Errc::invalid_argument, {"rank 2"});
        check_error([&] { on.put(1, 32, &word, 8); }, Errc::invalid_argument, {"past the end"});
        check_error([&] { on.get(1, SIZE_MAX, &word, 8); }, Errc::invalid_argument);
        check_error([&] { on.put_signal(1, 64); }, Errc::invalid_argument, {"channel 64"});
        check_error([&] { on.put(1, 0, nullptr, 8); }, Errc::invalid_argument,
                    {"put on a stream: the local pointer is null"});
        check_error([&] { on.get(1, 0, reinterpret_cast<void*>(UINTPTR_MAX - 3), 8); },
                    Errc::invalid_argument, {"get on a stream", "end of the address space"});
        check_error([&] { on.wait_signal(-1, 0); }, Errc::invalid_argument, {"rank -1"});
        check_error([&] { on.wait_signal(0, 0, std::chrono::milliseconds(-1)); },
                    Errc::invalid_argument, {"negative"});
        check_error([&] { on.barrier(-1); }, Errc::invalid_argument, {"channel -1"});
        const Tensor host = context.empty_strided_p2p({4}, {1}, kUint8);
        const auto memory = context.rendezvous(host);
        check_error([&] { memory->on(nullptr); }, Errc::unsupported, {"on: the memory is on host"});
        check_error([&] { memory->device_view(); }, Errc::unsupported, {"not on a GPU"});
        memory->close();
        words->close();
      },
      {2});
}
