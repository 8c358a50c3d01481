// SPDX-License-Identifier: Apache-2.0
// Tests of ranks to which different GPUs are visible, the same GPUs with different ordinals, or no
// GPU.
#include "gpu/test_gpu.hpp"

using namespace symmem;
using namespace symmem::gpu;

namespace {

/// Returns the identifiers of the first two GPUs in CUDA_VISIBLE_DEVICES; "0" and "1" if the
/// variable does not list two GPUs.
std::vector<std::string> two_gpus() {
  const std::string all(value_of(process_environment(), "CUDA_VISIBLE_DEVICES"));
  const auto comma = all.find(',');
  if (comma == std::string::npos) return {"0", "1"};
  return {all.substr(0, comma), all.substr(comma + 1, all.find(',', comma + 1) - comma - 1)};
}

/// Returns whether the first two GPUs have peer access and native atomics on each other's memory.
/// Both GPUs must be visible to this process.
bool have_peer_access() {
  int access = 0, atomics = 0;
  return cudaDeviceGetP2PAttribute(&access, cudaDevP2PAttrAccessSupported, 0, 1) == cudaSuccess &&
         cudaDeviceGetP2PAttribute(&atomics, cudaDevP2PAttrNativeAtomicSupported, 0, 1) ==
             cudaSuccess &&
         access != 0 && atomics != 0;
}

/// Environment variable of the ranks: "1" if cuda_ipc must connect the ranks.
constexpr const char* kPeerAccess = "GPUS_HAVE_PEER_ACCESS";

harness::RanksSettings seeing(const std::string& first, const std::string& second) {
  harness::RanksSettings settings;
  settings.environment[kPeerAccess] = have_peer_access() ? "1" : "0";
  settings.environment_of[0] = {{"CUDA_VISIBLE_DEVICES", first}};
  settings.environment_of[1] = {{"CUDA_VISIBLE_DEVICES", second}};
  return settings;
}

/// Connects two ranks that each allocate memory on GPU `device`, and checks the data of all calls.
/// If the GPUs have peer access, the transport must be cuda_ipc. If there is no route, the error
/// must give the reason why cuda_ipc cannot be used.
void connect_on(Context& context, int device) {
  ok(cudaSetDevice(device));
  const auto buffer = context.allocate<std::uint64_t>(1024, Device::cuda(device));
  std::shared_ptr<SymmetricMemory> memory;
  const bool peer_access = value_of(process_environment(), kPeerAccess) == "1";
  if (const auto error = harness::error_of([&] { memory = context.rendezvous(buffer); })) {
    MESSAGE("no route: " << std::string(error->what()));
    CHECK_FALSE(peer_access);
    return check_error(error, Errc::unsupported, {"cuda_ipc: "});
  }
  const int peer = 1 - context.rank();
  const Route& route = memory->route(peer);
  MESSAGE("route: " << route.transport);
  if (route.transport != "cuda_ipc") {
    CHECK_FALSE(peer_access);
    REQUIRE(!route.refused.empty());
    CHECK(route.refused[0].transport == "cuda_ipc");
    CHECK(!route.refused[0].reason.empty());
  }
  std::vector<std::uint64_t> sent(512, static_cast<std::uint64_t>(context.rank()) + 70),
      received(512);
  const std::uint64_t zero = 0;  // Clears the range, which may have been used before.
  memory->put(context.rank(), 4096, std::span(&zero, 1));
  memory->barrier();
  memory->put_with_signal(peer, 0, std::span(sent), 0);
  memory->wait_signal(peer, 0);
  memory->get(context.rank(), 0, std::span(received));
  CHECK(received == std::vector<std::uint64_t>(512, static_cast<std::uint64_t>(peer) + 70));
  memory->get(peer, 0, std::span(received));
  CHECK(received == sent);
  memory->fetch_add<std::uint64_t>(peer, 4096, 3);
  memory->barrier();
  memory->get(context.rank(), 4096, std::span(received).first(1));
  CHECK(received[0] == 3);
  if (memory->peer(peer).mapped.data() != nullptr) {
    const TestStream stream;
    const std::span source = buffer.span().first(1);
    for (int i = 0; i < 20; ++i) {
      memory->on(stream).put_with_signal(peer, 4104, source, 1);
      memory->on(stream).wait_signal(peer, 1);
      memory->on(stream).barrier(2);
    }
    stream.wait();
    memory->flush();
  }
  memory->barrier();
  memory->close();
}

}  // namespace

TEST_CASE("cuda_ipc identifies GPUs by UUID, not by ordinal") {
  if (!harness::can_use_gpus(2)) return;
  const auto gpus = two_gpus();
  on_gpus(
      [](Context& context) {
        // With these settings, equal ordinals are different GPUs and different ordinals are the
        // same GPU.
        for (const int device : {0, 1}) connect_on(context, device);
        connect_on(context, context.rank());
        connect_on(context, 1 - context.rank());
      },
      {2}, seeing(gpus[0] + "," + gpus[1], gpus[1] + "," + gpus[0]));
}

TEST_CASE("two ranks that each see only their own GPU connect, or the error contains the reason") {
  if (!harness::can_use_gpus(2)) return;
  const auto gpus = two_gpus();
  on_gpus([](Context& context) { connect_on(context, 0); }, {2}, seeing(gpus[0], gpus[1]));
}

TEST_CASE("a rank that sees both GPUs connects to a rank that sees one GPU") {
  if (!harness::can_use_gpus(2)) return;
  const auto gpus = two_gpus();
  on_gpus([](Context& context) { connect_on(context, 0); }, {2},
          seeing(gpus[1] + "," + gpus[0], gpus[0]));
}

TEST_CASE(
    "rendezvous times out if a rank without a GPU does not join, and the error names this rank") {
  if (!harness::can_use_gpu()) return;
  harness::RanksSettings settings;
  settings.environment_of[1] = {{"CUDA_VISIBLE_DEVICES", "-1"}};
  const auto body = [](harness::RankProcess& self) {
    Context context;
    const auto allocate = [&] {
      const int device = self.rank == 1 ? 0 : device_of(context);
      return context.allocate(4096, Device::cuda(device));
    };
    if (self.rank == 1) {
      check_error(allocate, Errc::unsupported,
                  {"no CUDA device is visible to this process", "CUDA_VISIBLE_DEVICES"});
      self.control.get("0");
      self.control.get("2");
      return;
    }
    const auto buffer = allocate();
    check_error([&] { context.rendezvous(buffer, {}, std::chrono::seconds(2)); }, Errc::timeout,
                {"missing: rank", "rank 1 (host"});
    self.control.set(std::to_string(self.rank), "");
  };
  harness::run_ranks(3, harness::Ranks::Body(body), settings);
}

TEST_CASE("if a rank without a visible GPU exits, the other ranks fail at once") {
  if (!harness::can_use_gpu()) return;
  harness::RanksSettings settings;
  settings.environment_of[1] = {{"CUDA_VISIBLE_DEVICES", "-1"}};
  harness::run_ranks(
      3,
      [](Context& context) {
        const int device = context.rank() == 1 ? 0 : device_of(context);
        const auto allocate = [&] { return context.allocate(4096, Device::cuda(device)); };
        if (context.rank() == 1)
          return check_error(allocate, Errc::unsupported, {"no CUDA device"});
        const auto buffer = allocate();
        check_error([&] { context.rendezvous(buffer); }, Errc::peer_lost, {"rank 1 (host"});
      },
      settings);
}
