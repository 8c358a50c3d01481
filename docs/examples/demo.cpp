// SPDX-License-Identifier: Apache-2.0
// Demonstrates symmem on this machine. Prints the ranks and the load, the route of every ordered
// pair of ranks, the result of all operations between each pair, and the speed of each route.
// Command: ./dev demo, or start symmem_demo with symmem run, mpirun, srun or torchrun. The argument
// "cuda" selects GPU memory.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <symmem/symmem.hpp>
#include <thread>
#include <vector>

#include "demo_table.hpp"

namespace {

using symmem::Context;
using symmem::Device;
using symmem::DeviceType;
using symmem::SymmetricMemory;

constexpr int kVerify = 0, kMeasure = 1;  // Channel numbers.

/// Prints the ranks and the load of the machine on rank 0. Collective. Returns the index of this
/// rank among the ranks on its machine; all simulated hosts are on one machine.
int introduce(Context& context) {
  const int self = context.rank(), size = context.world_size();
  Text host;
  static_cast<void>(::gethostname(host.text, sizeof host.text - 1));
  const Table<Text> hosts(context, size, 1);
  const Table<int> pids(context, size, 1);
  hosts.put_to_all(self, {host});
  pids.put_to_all(self, {::getpid()});
  int index = 0, ranks = 0;
  for (int rank = 0; rank < size; ++rank) {
    const Text other = hosts(rank);
    if (self == 0)
      std::printf("rank %d of %d: process %d on %s\n", rank, size, pids(rank), other.text);
    if (rank == self) index = ranks;
    ranks += std::strcmp(other.text, host.text) == 0;
  }
  double load = 0;
  if (self == 0 && ::getloadavg(&load, 1) == 1)
    std::printf("load of %s: %d ranks on %u cores, load average %.1f\n", host.text, ranks,
                std::thread::hardware_concurrency(), load);
  return index;
}

/// Selects the GPU for rank `index` of a machine. Ranks share GPUs only if there are more ranks
/// than GPUs. Allocation on a GPU that does not exist throws Error(invalid_argument).
Device select_gpu(Context& context, int index) {
  for (int gpus = index + 1; gpus > 1; --gpus) {
    try {
      static_cast<void>(context.allocate(1, Device::cuda(gpus - 1)));
      return Device::cuda(index % gpus);
    } catch (const symmem::Error& error) {
      if (error.code() != symmem::Errc::invalid_argument) throw;
    }
  }
  return Device::cuda(0);
}

/// Returns the routes of all ordered pairs of ranks; rank 0 prints them. Collective.
Table<Text> exchange_routes(Context& context, Device device) {
  const int size = context.world_size();
  const Table<int> target(context, 1, 1, device);
  Table<Text> routes(context, size, size + 1);  // The last column is the device.
  std::vector<Text> row;
  for (int to = 0; to < size; ++to) row.emplace_back(target.memory->route(to).transport);
  row.emplace_back(to_string(device));
  routes.put_to_all(context.rank(), row);
  if (context.rank() != 0) return routes;

  std::printf("\nroutes    memory  to");
  for (int to = 0; to < size; ++to) std::printf(" %8d", to);
  for (int from = 0; from < size; ++from) {
    std::printf("\nfrom %4d %-8s  ", from, routes(from, size).text);
    for (int to = 0; to < size; ++to) std::printf(" %8s", routes(from, to).text);
  }
  return routes;
}

/// The values that a rank writes into a peer's memory, each with a different operation.
struct Cell {
  std::int64_t stored, put, counted;
};

/// Writes this rank's cell at `to` and reads it back. Returns true if all values are correct.
bool verify_writes(SymmetricMemory& cells, int to, std::int64_t value) {
  const auto self = static_cast<std::size_t>(cells.rank());
  const std::size_t stored = self * sizeof(Cell), put = stored + offsetof(Cell, put);
  const std::size_t counted = stored + offsetof(Cell, counted);
  const std::span source(&value, 1);
  bool correct = true;
  const std::span theirs = cells.peer(to).as<Cell>();
  if (!theirs.empty() && cells.device().type == DeviceType::host) {
    theirs[self].stored = value;
    correct = theirs[self].stored == value;
  } else {
    cells.put(to, stored, source);
  }
  correct = cells.fetch_add(to, counted, value) == 0 && correct;
  correct = cells.fetch_add(to, counted, std::int64_t{0}) == value && correct;
  // The target reads its cell after the signal, so this rank must not write to the cell after the
  // signal.
  cells.put_with_signal(to, put, source, kVerify);
  cells.flush(to);
  std::int64_t received = 0;
  cells.get(to, put, std::span(&received, 1));
  return correct && received == value;
}

/// Verifies all ordered pairs of ranks. Collective. Returns true, on all ranks, if all pairs are
/// correct.
bool verify(Context& context, Device device) {
  const int self = context.rank(), size = context.world_size();
  const Table<Cell> cells(context, size, 1, device);
  const Table<int> all_sent(context, size, size), all_received(context, size, size);
  const auto value = [](int from, int to) { return std::int64_t{1000} * (1000 + from) + to; };
  std::vector<int> sent, received;
  for (int to = 0; to < size; ++to)
    sent.push_back(verify_writes(*cells.memory, to, value(self, to)));
  for (int from = 0; from < size; ++from) {
    cells.memory->wait_signal(from, kVerify);  // Earlier writes of `from` are visible.
    const Cell cell = cells(from);
    const std::int64_t expected = value(from, self);
    received.push_back(cell.stored == expected && cell.put == expected && cell.counted == expected);
  }
  all_sent.put_to_all(self, sent);
  all_received.put_to_all(self, received);
  int verified = 0;
  for (int pair = 0; pair < size * size; ++pair)
    verified += all_sent(pair / size, pair % size) && all_received(pair % size, pair / size);
  if (self == 0)
    std::printf("\n\n%d/%d pairs verified: load, store, put, get, atomic, signal\n", verified,
                size * size);
  return verified == size * size;
}

using Clock = std::chrono::steady_clock;

double nanoseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

/// Minimum and median time of one call over kRounds rounds, in nanoseconds; -1 if not measured.
struct Time {
  double least = -1, median = -1;
};
constexpr int kRounds = 5;

/// Measures `call` in kRounds rounds of `count` calls.
template <typename Call>
Time time_of(int count, Call call) {
  double rounds[kRounds];
  for (double& round : rounds) {
    const auto start = Clock::now();
    for (int i = 0; i < count; ++i) call();
    round = nanoseconds_since(start) / count;
  }
  std::sort(std::begin(rounds), std::end(rounds));
  return {rounds[0], rounds[kRounds / 2]};
}

/// Times of one route. `store` is not measured if the buffer of the peer is not mapped.
struct Speed {
  Time store, put, get, large, trip;
};
constexpr std::size_t kLarge = 1 << 20;

/// Returns the mean time of a barrier in nanoseconds, the same value on all ranks. Collective.
double pace_of(Context& context, SymmetricMemory& memory) {
  constexpr int kBarriers = 5;
  const Table<double> times(context, context.world_size(), 1);
  memory.barrier(kMeasure);
  const auto start = Clock::now();
  for (int i = 0; i < kBarriers; ++i) memory.barrier(kMeasure);
  times.put_to_all(context.rank(), {nanoseconds_since(start) / kBarriers});
  return times(0);
}

/// Returns the number of calls per round, at most `most`, for an operation that takes about as long
/// as a barrier. A barrier takes milliseconds if other programs use the cores, or if ranks take
/// turns on a GPU.
int count_of(double pace, double most) {
  return static_cast<int>(std::clamp(2e7 / pace, 2.0, most));
}

Speed measure_to(SymmetricMemory& memory, int to, double pace) {
  Speed speed;
  std::vector<std::byte> bytes(kLarge);
  const std::span large(bytes), small = large.first(8);
  const std::span words = memory.peer(to).as<std::int64_t>();
  const bool mapped = !words.empty(), on_host = memory.device().type == DeviceType::host;
  const int count = mapped && on_host ? 10'000 : count_of(pace, 500);
  if (mapped && on_host) {
    const std::atomic_ref word(words[0]);
    speed.store = time_of(1'000'000, [&] { word.store(1, std::memory_order_relaxed); });
  }
  speed.put = time_of(count, [&] {
    memory.put(to, 0, small);
    if (!mapped) memory.flush(to);  // put returns before the data arrives.
  });
  speed.get = time_of(count, [&] { memory.get(to, 0, small); });
  speed.large = time_of(count_of(pace, 50), [&] { memory.put(to, 0, large); });
  speed.trip = time_of(count_of(pace, 1000), [&] {
    memory.put_signal(to, kMeasure);
    memory.wait_signal(to, kMeasure);
  });
  return speed;
}

std::string time_text(double nanoseconds) {
  if (nanoseconds < 0) return "-";
  char text[32];
  if (nanoseconds < 1000)
    std::snprintf(text, sizeof text, "%.1f ns", nanoseconds);
  else
    std::snprintf(text, sizeof text, "%.1f us", nanoseconds / 1000);
  return text;
}

void print(const char* route, int from, int to, const Speed& speed) {
  const auto row = [&](const char* which, double Time::*of) {
    std::printf("%-10s %3d to %-3d  %-6s %9s %9s %9s %6.1f GB/s %12s\n", route, from, to, which,
                time_text(speed.store.*of).c_str(), time_text(speed.put.*of).c_str(),
                time_text(speed.get.*of).c_str(), static_cast<double>(kLarge) / speed.large.*of,
                time_text(speed.trip.*of).c_str());
  };
  row("min", &Time::least);
  row("median", &Time::median);
}

/// Measures one pair of ranks per route while the other ranks wait. Collective.
void measure(Context& context, const Table<Text>& routes, Device device) {
  const int self = context.rank(), size = context.world_size();
  std::map<std::string, std::pair<int, int>> pairs;  // Equal on all ranks.
  for (int from = 0; from < size; ++from)
    for (int to = 0; to < size; ++to) pairs.try_emplace(routes(from, to).text, from, to);
  const auto buffer = context.allocate(kLarge, device);
  const auto memory = context.rendezvous(buffer);
  const Table<Speed> speeds(context, 1, 1);
  const double pace = pace_of(context, *memory);
  if (self == 0)
    std::printf("\n%-10s %-9s  %-6s %9s %9s %9s %11s %12s\n", "route", "ranks", "time", "store 8 B",
                "put 8 B", "get 8 B", "put 1 MiB", "signal RTT");
  for (const auto& [route, pair] : pairs) {
    const auto [from, to] = pair;
    if (self == from) speeds.put(0, 0, {measure_to(*memory, to, pace)});
    if (self == to && self != from)
      time_of(count_of(pace, 1000), [&, source = from] {
        memory->wait_signal(source, kMeasure);
        memory->put_signal(source, kMeasure);
      });
    speeds.memory->barrier();
    if (self == 0) print(route.c_str(), from, to, speeds(0));
    speeds.memory->barrier();  // Rank 0 has read the slot.
  }
  const Time barrier = time_of(count_of(pace, 200), [&] { memory->barrier(kMeasure); });
  if (self == 0)
    std::printf("\nbarrier of %d ranks: min %s, median %s\n", size,
                time_text(barrier.least).c_str(), time_text(barrier.median).c_str());
}

}  // namespace

int main(int count, char** words) try {
  Context context;
  const int index = introduce(context);  // Index among the ranks on this machine.
  const bool on_gpu = count > 1 && std::strcmp(words[1], "cuda") == 0;
  const Device device = on_gpu ? select_gpu(context, index) : Device{};
  const Table<Text> routes = exchange_routes(context, device);
  const bool correct = verify(context, device);
  measure(context, routes, device);
  context.end_group(symmem::kWorld);  // Collective: closes all memory.
  return correct ? 0 : 1;
} catch (const symmem::Error& e) {
  std::fprintf(stderr, "demo: %s\n", e.what());
  return 1;
}
