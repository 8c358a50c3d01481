// SPDX-License-Identifier: Apache-2.0
// Tests of kernels and captures with peers that are accessed by key, on simulated hosts.
#include "gpu/test_gpu.hpp"
#include "gpu/test_kernels.hpp"
#include "harness/network.hpp"

using namespace symmem;
using namespace symmem::gpu;

namespace {

constexpr unsigned long long kLongNs = 300'000'000'000;

/// Checks that kernels can wait for signals from peers without a pointer, and that operations that
/// require a pointer mark the SymmetricMemory as failed.
void fail_in_kernels(Context& context) {
  const TestStream stream;
  const Counter wrong;
  const int peer = 1 - context.rank();
  const Words other(context, 1);
  CHECK(other->peer(peer).mapped.data() == nullptr);
  for (const Scope scope : kScopes) {
    const Words words(context, 1), barriers(context, 1);
    words->put_signal(peer, 5);
    launch_wait_signal(stream, words->device_view(), scope, peer, 5, kLongNs, wrong);
    stream.wait();
    CHECK(wrong.value() == 0);
    words->flush();
    other->barrier();
    launch_put_signal(stream, words->device_view(), scope, peer, 5);
    launch_failing_barrier(stream, barriers->device_view(), scope, 6, kLongNs, wrong);
    stream.wait();
    CHECK(wrong.value() == 0);
    const std::string reason = "memory of rank " + std::to_string(peer) + " (host";
    check_error([&] { words->flush(); }, Errc::unsupported, {"put_signal on channel 5", reason});
    check_error([&] { barriers->flush(); }, Errc::unsupported, {"barrier on channel 6", reason});
    words->close();
    barriers->close();
  }
  const Words words(context, 2);
  words.write(1, 0);
  launch_put_packet(stream, words->device_view(), peer);
  stream.wait();
  words->flush();  // Does not throw: the put had no effect. The wait below fails.
  launch_failing_packet(stream, words->device_view(), peer, kLongNs, wrong);
  stream.wait();
  CHECK(wrong.value() == 0);
  check_error([&] { words->flush(); }, Errc::unsupported,
              {"GPU: wait_packet: memory of rank " + std::to_string(peer)});
  words->close();
  other->put_signal(peer, 0);
  other->wait_signal(peer, 0);
  CHECK(cudaGetLastError() == cudaSuccess);
  other->close();
}

/// Makes host calls to a peer without a pointer during a capture, which must stay valid.
void put_beside_capture(Context& context) {
  constexpr std::size_t kCount = 1 << 17;  // 1 MiB is half of the buffer.
  const TestStream stream;
  const int peer = 1 - context.rank();
  const Words words(context, 2 * kCount);
  words.write(0, 11);
  std::vector<std::uint64_t> sent(kCount, static_cast<std::uint64_t>(context.rank()) + 50),
      received(kCount);
  words->barrier();
  ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  words->on(stream).wait_signal(peer, 9);
  words->on(stream).put(context.rank(), 8, words.span(0));
  words->put(peer, kCount * 8, std::span(sent));
  words->put(peer, 16, words.span(0));  // The source is in GPU memory.
  words->put_with_signal(peer, 24, std::span(sent).first(1), 1);
  words->wait_signal(peer, 1);
  words->fetch_add<std::uint64_t>(peer, 32, 1);
  words->flush();
  words->barrier();
  words->get(context.rank(), kCount * 8, std::span(received));
  cudaGraph_t graph = nullptr;
  ok(cudaStreamEndCapture(stream, &graph));
  cudaGraphExec_t ready = nullptr;
  ok(cudaGraphInstantiate(&ready, graph, 0));
  CHECK(received == std::vector<std::uint64_t>(kCount, static_cast<std::uint64_t>(peer) + 50));
  CHECK(words.read(2) == 11);
  CHECK(words.read(3) == static_cast<std::uint64_t>(peer) + 50);
  CHECK(words.read(4) == 1);
  for (int i = 0; i < 20; ++i) {
    ok(cudaGraphLaunch(ready, stream));
    words->put_signal(peer, 9);
  }
  stream.wait();
  CHECK(words.read(1) == 11);
  ok(cudaGraphExecDestroy(ready));
  ok(cudaGraphDestroy(graph));
  words->flush();
  words->barrier();
  words->close();
}

harness::RanksSettings on_two_hosts(const std::string& transports) {
  auto settings = harness::on_hosts(2);
  settings.environment = {{"SYMMEM_TRANSPORTS", transports}};
  return settings;
}

}  // namespace

TEST_CASE("a signal from a kernel to a peer connected by ucx is reported as an error on the host") {
  if (harness::can_use_ucx_with_cuda()) on_gpus(fail_in_kernels, {2}, on_two_hosts("ucx"));
}

TEST_CASE(
    "a signal from a kernel to a peer connected by ucx_staged is reported as an error on the "
    "host") {
  if (harness::can_use_ucx()) on_gpus(fail_in_kernels, {2}, on_two_hosts("ucx_staged"));
}

TEST_CASE("host calls through ucx complete during a capture") {
  if (harness::can_use_ucx_with_cuda()) on_gpus(put_beside_capture, {2}, on_two_hosts("ucx"));
}

TEST_CASE("host calls through ucx_staged complete during a capture") {
  if (harness::can_use_ucx()) on_gpus(put_beside_capture, {2}, on_two_hosts("ucx_staged"));
}
