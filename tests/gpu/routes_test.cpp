// SPDX-License-Identifier: Apache-2.0
// Tests of which transport is selected for GPU memory, and of the reasons why other transports are
// refused.
#include "gpu/test_gpu.hpp"
#include "harness/network.hpp"

using namespace symmem;
using namespace symmem::gpu;

namespace {

/// Puts a byte to the next rank and checks the byte received from the previous rank.
void check_ring(const Context& context, SymmetricMemory& memory) {
  const auto sent = static_cast<unsigned char>(context.rank() + 10);
  unsigned char received = 0;
  memory.put_with_signal(next_of(context), 0, std::span(&sent, 1), 0);
  memory.wait_signal(previous_of(context), 0);
  memory.get(context.rank(), 0, std::span(&received, 1));
  CHECK(received == previous_of(context) + 10);
  memory.barrier();
}

/// Returns settings for two ranks on two hosts, with UCX restricted to TCP.
harness::RanksSettings without_cuda_in_ucx() {
  auto settings = harness::on_hosts(2);
  settings.environment = {{"UCX_TLS", "tcp"}};
  return settings;
}

std::string refusal_of(const Route& route, const std::string& transport) {
  for (const RefusedTransport& refused : route.refused)
    if (refused.transport == transport) return refused.reason;
  return "not refused";
}

}  // namespace

TEST_CASE("fabric handles are used if available; otherwise rendezvous fails with the reason") {
  on_gpus(
      [](Context& context) {
        const auto buffer = context.allocate(4096, gpu_of(context));
        std::shared_ptr<SymmetricMemory> memory;
        const auto refused = harness::error_of([&] { memory = context.rendezvous(buffer); });
        if (refused) {
          check_error(refused, Errc::unsupported,
                      {"cuda_ipc", "does not export", "SYMMEM_CUDA_HANDLE=fabric"});
          return;
        }
        MESSAGE("fabric handles are available on this host");
        CHECK(memory->route(next_of(context)).transport == "cuda_ipc");
        check_ring(context, *memory);
        memory->close();
      },
      {2}, with({{"SYMMEM_TRANSPORTS", "cuda_ipc"}, {"SYMMEM_CUDA_HANDLE", "fabric"}}));
}

TEST_CASE("SYMMEM_CUDA_HANDLE=fd exports memory as a descriptor") {
  on_gpus(
      [](Context& context) {
        const auto buffer = context.allocate(4096, gpu_of(context));
        const auto memory = context.rendezvous(buffer);
        CHECK(memory->route(next_of(context)).transport == "cuda_ipc");
        check_ring(context, *memory);
        memory->close();
      },
      {2}, with({{"SYMMEM_TRANSPORTS", "cuda_ipc"}, {"SYMMEM_CUDA_HANDLE", "fd"}}));
}

TEST_CASE("if UCX does not support CUDA, ucx_staged is used and the route contains the reason") {
  if (!harness::can_use_gpu() || !harness::can_use_ucx()) return;
  on_gpus(
      [](Context& context) {
        const auto buffer = context.allocate(4096, gpu_of(context));
        const auto memory = context.rendezvous(buffer);
        const Route& route = memory->route(1 - context.rank());
        CHECK(route.transport == "ucx_staged");
        CHECK(harness::contains(refusal_of(route, "cuda_ipc"), "another host"));
        CHECK(harness::contains(refusal_of(route, "ucx"), "has no CUDA support"));
        CHECK(harness::contains(refusal_of(route, "ucx"), "SYMMEM_UCX_LIBRARY"));
        const std::string text = memory->explain();
        CHECK(harness::contains(text, "ucx_staged"));
        CHECK(harness::contains(text, "has no CUDA support"));
        check_ring(context, *memory);
        memory->close();
      },
      {2}, without_cuda_in_ucx());
}

TEST_CASE("rendezvous fails on every rank if ucx is required and UCX does not support CUDA") {
  if (!harness::can_use_gpu() || !harness::can_use_ucx()) return;
  auto settings = without_cuda_in_ucx();
  settings.environment["SYMMEM_REQUIRE"] = "ucx";
  on_gpus(
      [](Context& context) {
        const auto buffer = context.allocate(4096, gpu_of(context));
        check_error([&] { context.rendezvous(buffer); }, Errc::unsupported,
                    {"SYMMEM_REQUIRE=ucx", "connected by ucx_staged", "has no CUDA support"});
        // Host memory still uses ucx.
        const auto host = context.allocate(4096);
        const auto memory = context.rendezvous(host);
        CHECK(memory->route(1 - context.rank()).transport == "ucx");
        memory->close();
      },
      {2}, settings);
}

TEST_CASE(
    "rendezvous fails on every rank if ucx is the only transport and UCX does not support CUDA") {
  if (!harness::can_use_gpu() || !harness::can_use_ucx()) return;
  auto settings = without_cuda_in_ucx();
  settings.environment["SYMMEM_TRANSPORTS"] = "ucx";
  on_gpus(
      [](Context& context) {
        const auto buffer = context.allocate(4096, gpu_of(context));
        check_error([&] { context.rendezvous(buffer); }, Errc::unsupported,
                    {"pairs of ranks have no transport", "has no CUDA support"});
      },
      {2}, settings);
}
