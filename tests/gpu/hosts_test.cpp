// SPDX-License-Identifier: Apache-2.0
// Tests of GPU memory on simulated hosts, with cuda_ipc within a host and UCX between hosts.
#include "gpu/test_gpu.hpp"
#include "harness/network.hpp"

using namespace symmem;
using namespace symmem::gpu;

namespace {

/// Checks all host calls between all pairs of ranks; usable with every route.
void use_all(Context& context, const Words& words) {
  const auto rank = static_cast<std::uint64_t>(context.rank());
  const int size = context.world_size();
  const auto slot = [](int of) { return 8 * static_cast<std::size_t>(of); };
  std::uint64_t* own = nullptr;
  ok(cudaMalloc(reinterpret_cast<void**>(&own), 16));
  for (int to = 0; to < size; ++to) {
    const std::uint64_t sent[2] = {1000 * rank + static_cast<std::uint64_t>(to), 0};
    ok(cudaMemcpy(own, sent, sizeof sent, cudaMemcpyDefault));
    ok(cudaStreamSynchronize(nullptr));  // cudaMemcpy may return before the copy is complete.
    if (to % 2 == 0)
      words->put(to, slot(context.rank()), std::span(own, 1));  // The source is in GPU memory.
    else
      words->put(to, slot(context.rank()), std::span(sent, 1));  // The source is in host memory.
    words->fetch_add<std::uint64_t>(to, slot(size), 1);
  }
  words->barrier();
  for (int from = 0; from < size; ++from)
    CHECK(words.read(static_cast<std::size_t>(from)) ==
          1000 * static_cast<std::uint64_t>(from) + rank);
  CHECK(words.read(static_cast<std::size_t>(size)) == static_cast<std::uint64_t>(size));
  for (int of = 0; of < size; ++of) {
    std::uint64_t got = 0;
    words->get(of, slot(context.rank()), std::span(own, 1));
    ok(cudaMemcpy(&got, own, 8, cudaMemcpyDefault));
    CHECK(got == 1000 * rank + static_cast<std::uint64_t>(of));
  }
  for (int i = 0; i < 10; ++i) {
    words->put_signal(next_of(context), 3);
    words->wait_signal(previous_of(context), 3);
  }
  ok(cudaFree(own));
  words->barrier();
}

void check_bulk(Context& context) {
  constexpr std::size_t kCount = 3 << 17;  // 3 MiB: larger than one piece of a staged copy.
  const Words words(context, kCount);
  std::vector<std::uint64_t> sent(kCount), received(kCount);
  for (std::size_t i = 0; i < kCount; ++i)
    sent[i] = i * 7 + static_cast<std::uint64_t>(context.rank());
  words->put_with_signal(next_of(context), 0, std::span(sent), 0);
  words->wait_signal(previous_of(context), 0);
  words->get(context.rank(), 0, std::span(received));
  bool correct = true;
  for (std::size_t i = 0; i < kCount; ++i)
    correct = correct && received[i] == i * 7 + static_cast<std::uint64_t>(previous_of(context));
  CHECK(correct);
  words->get(next_of(context), 0, std::span(received));
  CHECK(received == sent);
  words->barrier();
  words->close();
}

}  // namespace

TEST_CASE("ranks of a group on two hosts use pointers within a host and keys between hosts") {
  if (!harness::can_use_ucx()) return;
  on_gpus(
      [](Context& context) {
        const Words words(context, 16);
        for (int r = 0; r < context.world_size(); ++r) {
          const std::string& transport = words->route(r).transport;
          const bool near = r / 2 == context.rank() / 2;
          CHECK((words->peer(r).mapped.data() != nullptr) == near);
          if (!near) CHECK(transport.starts_with("ucx"));
          if (near && r != context.rank()) CHECK(transport == "cuda_ipc");
        }
        use_all(context, words);
        // A stream can wait for signals from peers without a pointer; other stream operations
        // require a pointer.
        const TestStream stream;
        const int far = (context.rank() + 2) % 4;
        words->put_signal(far, 9);
        words->on(stream).wait_signal(far, 9);
        stream.wait();
        check_error([&] { words->on(stream).put_signal(far, 9); }, Errc::unsupported, {"ucx"});
        check_error([&] { words->on(stream).barrier(); }, Errc::unsupported, {"ucx"});
        words->barrier();
        words->close();
        check_bulk(context);
      },
      {4}, harness::on_hosts(4, 2));
}

TEST_CASE("rendezvous fails if a required transport cannot be used") {
  if (!harness::can_use_ucx()) return;
  auto settings = harness::on_hosts(2);
  settings.environment = {{"SYMMEM_REQUIRE", "cuda_ipc"}};
  on_gpus(
      [](Context& context) {
        const auto buffer = context.allocate(4096, gpu_of(context));
        check_error([&] { context.rendezvous(buffer); }, Errc::unsupported,
                    {"SYMMEM_REQUIRE=cuda_ipc", "another host"});
      },
      {2}, settings);
}

namespace {

void use_by(const std::string& transport) {
  auto settings = harness::on_hosts(2);
  settings.environment = {{"SYMMEM_TRANSPORTS", transport}};
  on_gpus(
      [](Context& context) {
        const Words words(context, 16);
        use_all(context, words);
        words->close();
        check_bulk(context);
      },
      {2}, settings);
}

}  // namespace

TEST_CASE("host calls access GPU memory with ucx as the only transport") {
  if (harness::can_use_ucx_with_cuda()) use_by("ucx");
}

TEST_CASE("host calls access GPU memory with ucx_staged as the only transport") {
  if (harness::can_use_ucx()) use_by("ucx_staged");
}
