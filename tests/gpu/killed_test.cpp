// SPDX-License-Identifier: Apache-2.0
// Tests of ranks that are killed while other ranks use their memory. The tests do not run under the
// multi-process service, which also destroys the CUDA contexts of the surviving processes.
#include <signal.h>
#include <unistd.h>

#include "gpu/test_gpu.hpp"
#include "gpu/test_kernels.hpp"
#include "harness/network.hpp"
#include "symmem/extend/allocator.hpp"

using namespace symmem;
using namespace symmem::gpu;

namespace {

/// Kills rank 1 while rank 0 waits for a signal from rank 1, in a kernel or on the host.
void survive(Context& context, harness::RankProcess& self, bool in_kernel) {
  ok(cudaSetDevice(device_of(context)));
  const TestStream stream;
  const Words words(context, 16);
  words->barrier();
  if (context.rank() == 1) {
    self.control.set("victim", std::to_string(::getpid()));
    self.control.get("go");
    ::raise(SIGKILL);
  }
  if (in_kernel) words->on(stream).wait_signal(1, 0, std::chrono::seconds(300));
  self.control.get("victim");
  self.control.set("go", "");
  if (in_kernel)
    stream.wait();
  else
    check_error([&] { words->wait_signal(1, 0, std::chrono::seconds(300)); }, Errc::peer_lost,
                {"rank 1"});
  check_error([&] { words->flush(); }, Errc::peer_lost, {"rank 1"});
  // CUDA and the mapped memory stay usable.
  ok(cudaMemsetAsync(words->peer(1).mapped.data(), 1, 64, stream));
  ok(cudaMemsetAsync(words.data(), 1, 64, stream));
  stream.wait();
  CHECK(words.read(0) == 0x0101010101010101u);
}

/// Kills rank 1 while a kernel of rank 0, on another host, waits for a signal from rank 1.
void survive_remote(harness::RankProcess& self) {
  Context context;
  ok(cudaSetDevice(device_of(context)));
  const TestStream stream;
  const Counter wrong;
  const Words words(context, 1);
  words->barrier();
  if (context.rank() == 1) {
    words->put_signal(0, 0);
    self.control.get("go");
    ::raise(SIGKILL);
  }
  // The first wait succeeds; the second fails, because rank 1 is killed before it sends a second
  // signal.
  launch_wait_signal(stream, words->device_view(), Scope::warp, 1, 0, 300'000'000'000, wrong);
  launch_failing_wait(stream, words->device_view(), Scope::warp, 1, 0, 300'000'000'000, wrong);
  self.control.set("go", "");
  stream.wait();
  CHECK(wrong.value() == 0);
  check_error([&] { words->flush(); }, Errc::peer_lost, {"rank 1 (host"});
  ok(cudaMemsetAsync(words.data(), 1, 8, stream));
  stream.wait();
  CHECK(words.read(0) == 0x0101010101010101u);
}

void run(bool in_kernel) {
  if (!harness::can_use_gpu()) return;
  harness::RanksSettings settings;
  settings.environment = {{"SYMMEM_LIVENESS", "5s"}};
  harness::Ranks ranks(
      2,
      [in_kernel](harness::RankProcess& self) {
        Context context;
        survive(context, self, in_kernel);
      },
      settings);
  const auto victim = ranks.wait(1);
  CHECK(victim.end.signal == SIGKILL);
  const auto survivor = ranks.wait(0);
  CHECK_MESSAGE(!survivor.end.failed(), survivor.output);
}

}  // namespace

TEST_CASE("host waits fail and CUDA stays usable after a rank whose memory is mapped is killed") {
  run(false);
}

TEST_CASE("a kernel that waits for a killed rank returns, and CUDA stays usable") { run(true); }

TEST_CASE("a kernel that waits for a killed rank on another host returns") {
  if (!harness::can_use_gpu() || !harness::can_use_ucx()) return;
  auto settings = harness::on_hosts(2);
  settings.environment = {{"SYMMEM_LIVENESS", "5s"}};
  harness::Ranks ranks(2, survive_remote, settings);
  const auto victim = ranks.wait(1);
  CHECK(victim.end.signal == SIGKILL);
  const auto survivor = ranks.wait(0);
  CHECK_MESSAGE(!survivor.end.failed(), survivor.output);
}

TEST_CASE("rendezvous fails on every rank if one rank has no visible GPU") {
  if (!harness::can_use_gpu()) return;
  harness::RanksSettings settings;
  settings.environment_of[1] = {{"CUDA_VISIBLE_DEVICES", "none"}};
  harness::run_ranks(
      3,
      [](Context& context) {
        const auto allocator = context.get_allocator(DeviceType::cuda);
        void* memory = nullptr;
        if (context.rank() == 1)
          check_error([&] { allocator->alloc(4096, 0, kWorld); }, Errc::unsupported,
                      {"no CUDA device"});
        else
          memory = allocator->alloc(4096, 0, kWorld);
        check_error([&] { allocator->rendezvous(memory, kWorld); }, Errc::invalid_argument,
                    {"rank 1 (host", "not symmetric memory"});
      },
      settings);
}
