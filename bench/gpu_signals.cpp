// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/check.hpp"
#include "gpu_parts.hpp"

namespace symmem::bench {
namespace {

constexpr int kRounds = 1000;  ///< Number of barriers or round trips in one kernel.
constexpr int kCalls = 100;    ///< Number of calls in one sample.

const char* name_of(Scope scope) {
  switch (scope) {
    case Scope::thread: return "thread";
    case Scope::warp: return "warp";
    case Scope::block: return "block of 256";
  }
  return "";
}

/// Calls `enqueue` kCalls times. Returns the GPU time of one call in microseconds.
template <typename Enqueue>
double launched(const GpuRank& rank, Enqueue enqueue) {
  const double us = rank.timed([&] {
    for (int i = 0; i < kCalls; ++i) enqueue();
  });
  return us / kCalls;
}

/// Calls `enqueue` kCalls times. Returns the host time of one call in microseconds.
template <typename Enqueue>
double host_time(const GpuRank& rank, Enqueue enqueue) {
  rank.memory().barrier();
  const double us = 1e6 * seconds_each(kCalls, enqueue);
  rank.wait();
  return us;
}

Figure barrier_in_kernel(const GpuRank& rank, Scope scope, int rounds) {
  Figure figure = in_us(fmt::format("barrier, in a kernel, by {}", name_of(scope)),
                        "store release, load acquire", kCloseToFloor);
  const Flags flags = rank.flags(kInKernel);
  const DeviceView view = rank.memory().device_view();
  alternate(
      figure, rounds,
      [&] {
        return rank.timed([&] { floor_barriers(rank.stream(), scope, flags, kRounds); }) / kRounds;
      },
      [&] {
        return rank.timed([&] { our_barriers(rank.stream(), scope, view, kRounds); }) / kRounds;
      });
  return figure;
}

Figure barrier_in_graph(const GpuRank& rank, int rounds) {
  Figure figure = in_us("barrier, in a graph", "bare kernel in a graph", kCloseToFloor);
  const Flags flags = rank.flags(kInGraph);
  const Replay floor(rank, [&] { floor_barrier(rank.stream(), flags); });
  const Replay ours(rank, [&] { rank.on().barrier(1); });
  alternate(figure, rounds, floor, ours);
  return figure;
}

Figure trip_in_kernel(const GpuRank& rank, int rounds) {
  Figure figure =
      in_us("signal round trip, in a kernel", "store release, load acquire", kCloseToFloor);
  const Flags flags = rank.flags(kTrips);
  const DeviceView view = rank.memory().device_view();
  const bool first = rank.first();
  alternate(
      figure, rounds,
      [&] {
        return rank.timed([&] { floor_trips(rank.stream(), flags, kRounds, first); }) / kRounds;
      },
      [&] {
        return rank.timed([&] { our_trips(rank.stream(), view, kRounds, first); }) / kRounds;
      });
  return figure;
}

Figure packets_in_kernel(const GpuRank& rank, int rounds) {
  constexpr std::size_t kBareAt = GpuRank::kWord + 256, kAt = GpuRank::kWord + 512;
  Figure figure =
      in_us("packet of 8 B, round trip, in a kernel", "16-byte store, 16-byte load", kCloseToFloor);
  const auto address_of = [&](int of) { return rank.data_of(of) - GpuRank::kData + kBareAt; };
  auto* const wrong = reinterpret_cast<std::uint64_t*>(rank.local());
  ok(cudaMemset(wrong, 0, sizeof *wrong));
  ok(cudaDeviceSynchronize());
  std::uint64_t* const bare = rank.flags(kPackets).count;
  std::uint64_t* const epoch = rank.flags(kOurPackets).count;
  const DeviceView view = rank.memory().device_view();
  const bool first = rank.first();
  alternate(
      figure, rounds,
      [&] {
        return rank.timed([&] {
          floor_packets(rank.stream(), address_of(rank.next()), address_of(rank.rank()), bare,
                        kRounds, first, wrong);
        }) / kRounds;
      },
      [&] {
        return rank.timed([&] {
          our_packets(rank.stream(), view, kAt, epoch, kRounds, first, wrong);
        }) / kRounds;
      });
  std::uint64_t found[2] = {};  // Number of wrong packets; number of all packets.
  ok(cudaMemcpy(&found[0], wrong, sizeof *wrong, cudaMemcpyDefault));
  ok(cudaMemcpy(&found[1], epoch, sizeof *epoch, cudaMemcpyDefault));
  require(found[0] == 0, Errc::internal, "{} packets contained wrong data", found[0]);
  const std::uint64_t wanted = kRounds * (static_cast<std::uint64_t>(rounds) + 1);
  require(found[1] == wanted, Errc::internal, "{} of {} packets arrived", found[1], wanted);
  return figure;
}

Figure trip_in_graph(const GpuRank& rank, int rounds) {
  Figure figure = in_us("put_signal + wait_signal round trip, in a graph",
                        "bare kernels in a graph", kCloseToFloor);
  const Flags flags = rank.flags(kTripsInGraph);
  const int peer = rank.next();
  const Replay floor(rank, [&] {
    if (rank.first()) floor_signal(rank.stream(), flags);
    floor_wait(rank.stream(), flags);
    if (!rank.first()) floor_signal(rank.stream(), flags);
  });
  const Replay ours(rank, [&] {
    const StreamOperations on = rank.on();
    if (rank.first()) on.put_signal(peer, 1);
    on.wait_signal(peer, 1);
    if (!rank.first()) on.put_signal(peer, 1);
  });
  alternate(figure, rounds, floor, ours);
  return figure;
}

}  // namespace

std::vector<Figure> launches(const GpuRank& rank, int rounds) {
  const auto empty = [&] { empty_kernel(rank.stream()); };
  const Replay hundred(rank, empty), one(rank, empty, 1);
  Figure alone = in_us("empty kernel, launched", "100 in a row");
  floor_alone(alone, rounds, [&] { return launched(rank, empty); });
  Figure node = in_us("empty kernel, in a graph", "100 in one graph");
  floor_alone(node, rounds, hundred);
  Figure graph = in_us("graph of one empty kernel, launched", "100 in a row");
  floor_alone(graph, rounds, [&] { return launched(rank, [&] { one.launch(); }); });

  const Flags flags = rank.flags(kLaunched);
  const auto floor = [&] { floor_barrier(rank.stream(), flags); };
  const auto ours = [&] { rank.on().barrier(1); };
  Figure barrier = in_us("barrier, launched", "bare kernel, launched", kCloseToFloor);
  alternate(
      barrier, rounds, [&] { return launched(rank, floor); }, [&] { return launched(rank, ours); });
  Figure call = in_us("barrier on a stream, the host's call", "launch of the bare kernel");
  alternate(
      call, rounds, [&] { return host_time(rank, floor); }, [&] { return host_time(rank, ours); });
  return {alone, node, graph, barrier, call};
}

std::vector<Figure> barriers(const GpuRank& rank, int rounds) {
  std::vector<Figure> figures;
  for (const Scope scope : {Scope::thread, Scope::warp, Scope::block})
    if (rank.size() == 2 || scope != Scope::thread)
      figures.push_back(barrier_in_kernel(rank, scope, rounds));
  figures.push_back(barrier_in_graph(rank, rounds));
  return figures;
}

std::vector<Figure> signals(const GpuRank& rank, int rounds) {
  return {trip_in_kernel(rank, rounds), packets_in_kernel(rank, rounds),
          trip_in_graph(rank, rounds)};
}

std::vector<Figure> replays(const GpuRank& rank, int rounds) {
  constexpr std::uint64_t kTimes = 10'000;
  constexpr std::size_t kAt = GpuRank::kWord;
  auto* const wrong = reinterpret_cast<std::uint64_t*>(rank.local());
  ok(cudaMemset(wrong, 0, sizeof *wrong));
  ok(cudaMemset(rank.data_of(rank.rank()) - GpuRank::kData + kAt, 0, sizeof(std::uint64_t)));
  ok(cudaDeviceSynchronize());
  const DeviceView view = rank.memory().device_view();
  const Flags flags = rank.flags(kReplays);
  const auto proved = [&](auto barrier) {
    return [&rank, view, wrong, barrier] {
      count_up(rank.stream(), view, kAt);
      barrier();
      compare_counts(rank.stream(), view, kAt, wrong);
    };
  };
  const Replay floor(rank, proved([&] { floor_barrier(rank.stream(), flags); }), 1);
  const Replay ours(rank, proved([&] { rank.on().barrier(2); }), 1);
  const auto sample = [&](const Replay& graph) {
    return rank.timed([&] {
      for (std::uint64_t i = 0; i < kTimes; ++i) graph.launch();
    }) / static_cast<double>(kTimes);
  };
  Figure figure = in_us("graph of count, barrier, look; of 10,000 replays", "with a bare barrier",
                        kCloseToFloor);
  alternate(
      figure, rounds, [&] { return sample(floor); }, [&] { return sample(ours); });
  std::uint64_t found[2] = {};  // Number of wrong counts; number of replays.
  ok(cudaMemcpy(&found[0], wrong, sizeof *wrong, cudaMemcpyDefault));
  ok(cudaMemcpy(&found[1], rank.data_of(rank.rank()) - GpuRank::kData + kAt, sizeof found[1],
                cudaMemcpyDefault));
  require(found[0] == 0, Errc::internal, "a barrier released a peer too early {} times", found[0]);
  const std::uint64_t wanted = 2 * kTimes * (static_cast<std::uint64_t>(rounds) + 1);
  require(found[1] == wanted, Errc::internal, "{} of {} replays ran", found[1], wanted);
  rank.memory().barrier();
  return {figure};
}

}  // namespace symmem::bench
