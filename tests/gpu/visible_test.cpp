// SPDX-License-Identifier: Apache-2.0
// Ranks that see different GPUs, or the same ones under different numbers, or none.
#include "gpu/test_gpu.hpp"

using namespace symmem;
using namespace symmem::gpu;

namespace {

/// The first two GPUs, by the names that CUDA_VISIBLE_DEVICES has for them.
std::vector<std::string> two_gpus() {
  const std::string all(value_of(process_environment(), "CUDA_VISIBLE_DEVICES"));
  const auto comma = all.find(',');
  if (comma == std::string::npos) return {"0", "1"};
  return {all.substr(0, comma), all.substr(comma + 1, all.find(',', comma + 1) - comma - 1)};
}

/// Whether the first two GPUs load from each other and add there, if this process sees both.
bool are_joined() {
  int access = 0, atomics = 0;
  return cudaDeviceGetP2PAttribute(&access, cudaDevP2PAttrAccessSupported, 0, 1) == cudaSuccess &&
         cudaDeviceGetP2PAttribute(&atomics, cudaDevP2PAttrNativeAtomicSupported, 0, 1) ==
             cudaSuccess &&
         access != 0 && atomics != 0;
}

/// Of ranks: whether cuda_ipc must be what joins them.
constexpr const char* kJoined = "GPUS_ARE_JOINED";

harness::RanksSettings seeing(const std::string& first, const std::string& second) {
  harness::RanksSettings settings;
  settings.environment[kJoined] = are_joined() ? "1" : "0";
  settings.environment_of[0] = {{"CUDA_VISIBLE_DEVICES", first}};
  settings.environment_of[1] = {{"CUDA_VISIBLE_DEVICES", second}};
  return settings;
}

/// Words of both ranks, each on the GPU that it calls `device`. GPUs that are joined are so by
/// cuda_ipc. Whatever the route of others is the data is right; if there is none the error says why
/// cuda_ipc is not.
void meet_on(Context& context, int device) {
  ok(cudaSetDevice(device));
  const Tensor tensor = context.empty_strided_p2p({1024}, {1}, kUint64, {DeviceType::cuda, device});
  std::shared_ptr<SymmetricMemory> memory;
  const bool joined = value_of(process_environment(), kJoined) == "1";
  if (const auto error = harness::error_of([&] { memory = context.rendezvous(tensor); })) {
    MESSAGE("no route: " << std::string(error->what()));
    CHECK_FALSE(joined);
    return check_error(error, Errc::unsupported, {"cuda_ipc: "});
  }
  const int peer = 1 - context.rank();
  const Route& route = memory->route(peer);
  MESSAGE("route: " << route.transport);
  if (route.transport != "cuda_ipc") {
    CHECK_FALSE(joined);
    REQUIRE(!route.refused.empty());
    CHECK(route.refused[0].transport == "cuda_ipc");
    CHECK(!route.refused[0].reason.empty());
  }
  std::vector<std::uint64_t> sent(512, static_cast<std::uint64_t>(context.rank()) + 70), came(512);
  const std::uint64_t zero = 0;  // The range may have been used before.
  memory->put(context.rank(), 4096, &zero, sizeof zero);
  memory->barrier();
  memory->put_with_signal(peer, 0, sent.data(), 4096, 0);
  memory->wait_signal(peer, 0);
  memory->get(context.rank(), 0, came.data(), 4096);
  CHECK(came == std::vector<std::uint64_t>(512, static_cast<std::uint64_t>(peer) + 70));
  memory->get(peer, 0, came.data(), 4096);
  CHECK(came == sent);
  memory->fetch_add<std::uint64_t>(peer, 4096, 3);
  memory->barrier();
  memory->get(context.rank(), 4096, came.data(), 8);
  CHECK(came[0] == 3);
  if (memory->peer(peer).pointer != nullptr) {
    const TestStream stream;
    for (int i = 0; i < 20; ++i) {
      memory->on(stream).put_with_signal(peer, 4104, tensor.data(), 8, 1);
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

TEST_CASE("GPUs are told apart by what they are, not by their numbers") {
  if (!harness::can_use_gpus(2)) return;
  const auto gpus = two_gpus();
  on_gpus(
      [](Context& context) {
        // Under one number each has another GPU, under different ones both have the same.
        for (const int device : {0, 1}) meet_on(context, device);
        meet_on(context, context.rank());
        meet_on(context, 1 - context.rank());
      },
      {2}, seeing(gpus[0] + "," + gpus[1], gpus[1] + "," + gpus[0]));
}

TEST_CASE("ranks of which each sees its own GPU alone reach each other, or are told why not") {
  if (!harness::can_use_gpus(2)) return;
  const auto gpus = two_gpus();
  on_gpus([](Context& context) { meet_on(context, 0); }, {2}, seeing(gpus[0], gpus[1]));
}

TEST_CASE("a rank that sees both GPUs and one that sees one reach each other") {
  if (!harness::can_use_gpus(2)) return;
  const auto gpus = two_gpus();
  on_gpus([](Context& context) { meet_on(context, 0); }, {2},
          seeing(gpus[1] + "," + gpus[0], gpus[0]));
}

TEST_CASE("ranks wait no longer than they said for one that sees no GPU, and name it") {
  if (!harness::can_use_gpu()) return;
  harness::RanksSettings settings;
  settings.environment_of[1] = {{"CUDA_VISIBLE_DEVICES", "-1"}};
  const auto body = [](harness::RankProcess& self) {
    Context context;
    const auto allocate = [&] {
      const int device = self.rank == 1 ? 0 : device_of(context);
      return context.empty_strided_p2p({4096}, {1}, kUint8, {DeviceType::cuda, device});
    };
    if (self.rank == 1) {
      check_error(allocate, Errc::unsupported,
                  {"no CUDA device is visible to this process", "CUDA_VISIBLE_DEVICES"});
      self.control.get("0");
      self.control.get("2");
      return;
    }
    const Tensor tensor = allocate();
    check_error([&] { context.rendezvous(tensor, {}, std::chrono::seconds(2)); }, Errc::timeout,
                {"missing: rank", "rank 1 (host"});
    self.control.set(std::to_string(self.rank), "");
  };
  harness::run_ranks(3, harness::Ranks::Body(body), settings);
}

TEST_CASE("ranks are told at once of one that sees no GPU and ends for that") {
  if (!harness::can_use_gpu()) return;
  harness::RanksSettings settings;
  settings.environment_of[1] = {{"CUDA_VISIBLE_DEVICES", "-1"}};
  harness::run_ranks(
      3,
      [](Context& context) {
        const int device = context.rank() == 1 ? 0 : device_of(context);
        const auto allocate = [&] {
          return context.empty_strided_p2p({4096}, {1}, kUint8, {DeviceType::cuda, device});
        };
        if (context.rank() == 1)
          return check_error(allocate, Errc::unsupported, {"no CUDA device"});
        const Tensor tensor = allocate();
        check_error([&] { context.rendezvous(tensor); }, Errc::peer_lost, {"rank 1 (host"});
      },
      settings);
}
