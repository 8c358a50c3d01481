// SPDX-License-Identifier: Apache-2.0
// GPU memory of ranks on simulated hosts: within one by cuda_ipc, across by UCX.
#include "gpu/test_gpu.hpp"
#include "harness/network.hpp"

using namespace symmem;
using namespace symmem::gpu;

namespace {

/// Every rank reaches every other one by all host calls, whatever the routes.
void use_all(Context& context, const Words& words) {
  const auto rank = static_cast<std::uint64_t>(context.rank());
  const int size = context.world_size();
  const auto slot = [](int of) { return 8 * static_cast<std::size_t>(of); };
  std::uint64_t* own = nullptr;
  ok(cudaMalloc(reinterpret_cast<void**>(&own), 16));
  for (int to = 0; to < size; ++to) {
    const std::uint64_t sent[2] = {1000 * rank + static_cast<std::uint64_t>(to), 0};
    ok(cudaMemcpy(own, sent, sizeof sent, cudaMemcpyDefault));
    ok(cudaStreamSynchronize(nullptr));  // It returns before the bytes are there.
    if (to % 2 == 0)
      words->put(to, slot(context.rank()), own, 8);  // From GPU memory.
    else
      words->put(to, slot(context.rank()), sent, 8);  // From the host's.
    words->fetch_add<std::uint64_t>(to, slot(size), 1);
  }
  words->barrier();
  for (int from = 0; from < size; ++from)
    CHECK(words.look(static_cast<std::size_t>(from)) ==
          1000 * static_cast<std::uint64_t>(from) + rank);
  CHECK(words.look(static_cast<std::size_t>(size)) == static_cast<std::uint64_t>(size));
  for (int of = 0; of < size; ++of) {
    std::uint64_t got = 0;
    words->get(of, slot(context.rank()), own, 8);
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
  constexpr std::size_t kCount = 3 << 17;  // 3 MiB, several pieces.
  const Words words(context, kCount);
  std::vector<std::uint64_t> sent(kCount), came(kCount);
  for (std::size_t i = 0; i < kCount; ++i)
    sent[i] = i * 7 + static_cast<std::uint64_t>(context.rank());
  words->put_with_signal(next_of(context), 0, sent.data(), kCount * 8, 0);
  words->wait_signal(previous_of(context), 0);
  words->get(context.rank(), 0, came.data(), kCount * 8);
  bool right = true;
  for (std::size_t i = 0; i < kCount; ++i)
    right = right && came[i] == i * 7 + static_cast<std::uint64_t>(previous_of(context));
  CHECK(right);
  words->get(next_of(context), 0, came.data(), kCount * 8);
  CHECK(came == sent);
  words->barrier();
  words->close();
}

}  // namespace

TEST_CASE("two hosts of two ranks: pointers within, keys across, one group") {
  if (!harness::can_use_ucx()) return;
  on_gpus(
      [](Context& context) {
        const Words words(context, 16);
        for (int r = 0; r < context.world_size(); ++r) {
          const std::string& way = words->route(r).transport;
          const bool near = r / 2 == context.rank() / 2;
          CHECK((words->peer(r).pointer != nullptr) == near);
          if (!near) CHECK(way.starts_with("ucx"));
          if (near && r != context.rank()) CHECK(way == "cuda_ipc");
        }
        use_all(context, words);
        // A stream waits for what comes by network; other operations need a pointer.
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

TEST_CASE("a way that is not there is an error where it is required") {
  if (!harness::can_use_ucx()) return;
  auto settings = harness::on_hosts(2);
  settings.environment = {{"SYMMEM_REQUIRE", "cuda_ipc"}};
  on_gpus(
      [](Context& context) {
        const Tensor tensor =
            context.empty_strided_p2p({4096}, {1}, kUint8, {DeviceType::cuda, device_of(context)});
        check_error([&] { context.rendezvous(tensor); }, Errc::unsupported,
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

TEST_CASE("GPU memory is reached by UCX alone") {
  if (harness::can_use_ucx_with_cuda()) use_by("ucx");
}

TEST_CASE("GPU memory is reached by messages staged through host memory alone") {
  if (harness::can_use_ucx()) use_by("ucx_staged");
}
