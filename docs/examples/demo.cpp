// SPDX-License-Identifier: Apache-2.0
// Shows that symmem works here: who the ranks are, by which route they reach each other, that every
// ordered pair of ranks can use every operation, and how fast each route is.
// Run it: ./dev demo, or start symmem_demo with symmem run, mpirun, srun or torchrun.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <symmem/symmem.hpp>
#include <vector>

namespace {

using symmem::Context;
using symmem::Device;
using symmem::DeviceType;
using symmem::SymmetricMemory;
using symmem::Tensor;

constexpr int kVerify = 0, kMeasure = 1;  // Channels.

/// A tensor of `rows` x `columns` T on every rank, and its rendezvous.
template <typename T>
struct Table {
  Table(Context& context, int rows, int columns, Device device = {})
      : tensor(context.empty_strided_p2p({rows, columns, sizeof(T)}, {columns * kBytes, kBytes, 1},
                                         symmem::kUint8, device)),
        memory(context.rendezvous(tensor)),
        width(columns) {}

  static std::size_t size(int count) { return static_cast<std::size_t>(count) * sizeof(T); }
  /// Read by a get from oneself: memory of a GPU is not for the CPU to load.
  T operator()(int row, int column = 0) const {
    T value;
    memory->get(memory->rank(), size(row * width + column), &value, sizeof value);
    return value;
  }
  void put(int rank, int row, const std::vector<T>& values) const {
    memory->put(rank, size(row * width), values.data(), size(static_cast<int>(values.size())));
  }
  void put_to_all(int row, const std::vector<T>& values) const {
    for (int to = 0; to < memory->world_size(); ++to) put(to, row, values);
    memory->barrier();
  }

  static constexpr std::int64_t kBytes = sizeof(T);
  const Tensor tensor;
  const std::shared_ptr<SymmetricMemory> memory;
  const int width;
};

struct Name {
  char text[48] = {};
};

Name name(const std::string& text) {
  Name result;
  text.copy(result.text, sizeof result.text - 1);
  return result;
}

/// Prints who the ranks are and the route of each ordered pair to memory on `device`. Returns the
/// routes, on all ranks.
Table<Name> meet(Context& context, Device device) {
  const int size = context.world_size();
  const Table<Name> who(context, size, 1), routes(context, size, size);
  const Table<int> there(context, 1, 1, device);
  char host[48] = {};
  ::gethostname(host, sizeof host - 1);
  who.put_to_all(context.rank(), {name(std::to_string(::getpid()) + " on " + host)});
  std::vector<Name> row;
  for (int to = 0; to < size; ++to) row.push_back(name(there.memory->route(to).transport));
  routes.put_to_all(context.rank(), row);
  if (context.rank() != 0) return routes;

  for (int rank = 0; rank < size; ++rank)
    std::printf("rank %d of %d: process %s\n", rank, size, who(rank).text);
  std::printf("\nmemory on %s\nroutes%6s", to_string(device).c_str(), "to");
  for (int to = 0; to < size; ++to) std::printf(" %8d", to);
  for (int from = 0; from < size; ++from) {
    std::printf("\n  from %4d ", from);
    for (int to = 0; to < size; ++to) std::printf(" %8s", routes(from, to).text);
  }
  return routes;
}

/// What a rank leaves in a peer's memory, once for each way of getting it there.
struct Cell {
  std::int64_t stored, put, counted;
};

/// Writes this rank's cell at `to` in every way and reads it back in every way.
bool reach(SymmetricMemory& cells, int to, std::int64_t value) {
  const std::size_t offset = static_cast<std::size_t>(cells.rank()) * sizeof(Cell);
  const std::size_t put = offset + offsetof(Cell, put), counted = offset + offsetof(Cell, counted);
  bool right = true;
  void* const theirs = cells.peer(to).pointer;
  if (theirs != nullptr && cells.device().type == DeviceType::host) {
    std::int64_t& stored = (static_cast<Cell*>(theirs) + cells.rank())->stored;
    stored = value;
    right = stored == value;
  } else {
    cells.put(to, offset + offsetof(Cell, stored), &value, sizeof value);
  }
  right = cells.fetch_add(to, counted, value) == 0 && right;
  right = cells.fetch_add(to, counted, std::int64_t{0}) == value && right;
  std::int64_t got = 0;
  // From the signal on the target reads its cell: nothing may change it any more.
  cells.put_with_signal(to, put, &value, sizeof value, kVerify);
  cells.flush(to);
  cells.get(to, put, &got, sizeof got);
  return right && got == value;
}

/// Tries all ordered pairs of ranks. Tells, on all ranks, whether all work.
bool verify(Context& context, Device device) {
  const int self = context.rank(), size = context.world_size();
  const Table<Cell> cells(context, size, 1, device);
  const auto value = [](int from, int to) { return std::int64_t{1'000'000} + 1000 * from + to; };
  std::vector<int> from_here, to_here;
  for (int to = 0; to < size; ++to) from_here.push_back(reach(*cells.memory, to, value(self, to)));
  for (int from = 0; from < size; ++from) {
    cells.memory->wait_signal(from, kVerify);  // What `from` did to us before it is here now.
    const Cell cell = cells(from);
    const std::int64_t expected = value(from, self);
    to_here.push_back(cell.stored == expected && cell.put == expected && cell.counted == expected);
  }
  const Table<int> starts(context, size, size), ends(context, size, size);
  starts.put_to_all(self, from_here);
  ends.put_to_all(self, to_here);
  int verified = 0;
  for (int from = 0; from < size; ++from)
    for (int to = 0; to < size; ++to) verified += starts(from, to) != 0 && ends(to, from) != 0;
  if (self == 0)
    std::printf("\n\n%d/%d pairs verified: load, store, put, get, atomic, signal\n", verified,
                size * size);
  return verified == size * size;
}

using Clock = std::chrono::steady_clock;

double nanoseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

/// Nanoseconds that one call takes: the best of five, since others use the machine too.
template <typename Call>
double time_of(int count, Call call) {
  double best = 1e18;
  for (int round = 0; round < 5; ++round) {
    const auto start = Clock::now();
    for (int i = 0; i < count; ++i) call();
    best = std::min(best, nanoseconds_since(start) / count);
  }
  return best;
}

/// Times of one route; store is -1 where no pointer reaches.
struct Speed {
  double store, put, get, large, trip;
};
constexpr int kLarge = 1 << 20;

/// Nanoseconds of a barrier as busy as this machine is; the same on all ranks.
double pace_of(Context& context, SymmetricMemory& memory) {
  constexpr int kBarriers = 5;
  const Table<double> times(context, context.world_size(), 1);
  memory.barrier(kMeasure);
  const auto start = Clock::now();
  for (int i = 0; i < kBarriers; ++i) memory.barrier(kMeasure);
  times.put_to_all(context.rank(), {nanoseconds_since(start) / kBarriers});
  return times(0);
}

/// How often to do what takes about as long as a barrier, `most` times at most. Where other
/// programs have the cores, or ranks take turns on one GPU, each takes milliseconds.
int count_of(double pace, double most) {
  return static_cast<int>(std::clamp(2e7 / pace, 2.0, most));
}

Speed measure_to(SymmetricMemory& memory, int to, double pace) {
  Speed speed{-1, 0, 0, 0, 0};
  std::vector<std::byte> source(kLarge);
  void* const pointer = memory.peer(to).pointer;
  const bool on_host = memory.device().type == DeviceType::host;
  const int count = pointer != nullptr && on_host ? 10'000 : count_of(pace, 500);
  if (pointer != nullptr && on_host) {
    const std::atomic_ref word(*static_cast<std::int64_t*>(pointer));
    speed.store = time_of(1'000'000, [&] { word.store(1, std::memory_order_relaxed); });
  }
  speed.put = time_of(count, [&] {
    memory.put(to, 0, source.data(), 8);
    if (pointer == nullptr) memory.flush(to);  // Else it would be the time to hand it over.
  });
  speed.get = time_of(count, [&] { memory.get(to, 0, source.data(), 8); });
  speed.large = time_of(count_of(pace, 50), [&] { memory.put(to, 0, source.data(), kLarge); });
  speed.trip = time_of(count_of(pace, 1000), [&] {
    memory.put_signal(to, kMeasure);
    memory.wait_signal(to, kMeasure);
  });
  return speed;
}

std::string time_text(double nanoseconds) {
  char text[16];
  if (nanoseconds < 1000)
    std::snprintf(text, sizeof text, "%.1f ns", nanoseconds);
  else
    std::snprintf(text, sizeof text, "%.1f us", nanoseconds / 1000);
  return text;
}

void print(const std::string& route, int from, int to, const Speed& speed) {
  std::printf("%-8s %3d to %-3d %9s %9s %9s %6.1f GB/s %12s\n", route.c_str(), from, to,
              speed.store < 0 ? "-" : time_text(speed.store).c_str(), time_text(speed.put).c_str(),
              time_text(speed.get).c_str(), kLarge / speed.large, time_text(speed.trip).c_str());
}

/// Measures one pair of ranks for each route; the others wait.
void measure(Context& context, const Table<Name>& routes, Device device) {
  const int self = context.rank(), size = context.world_size();
  std::map<std::string, std::pair<int, int>> pairs;  // The same on all ranks.
  for (int from = 0; from < size; ++from)
    for (int to = 0; to < size; ++to) pairs.try_emplace(routes(from, to).text, from, to);
  const Table<std::byte> bulk(context, 1, kLarge, device);
  const Table<Speed> speeds(context, 1, 1);
  const double pace = pace_of(context, *bulk.memory);
  if (self == 0)
    std::printf("\n%-8s %-9s %9s %9s %9s %11s %12s\n", "route", "ranks", "store 8 B", "put 8 B",
                "get 8 B", "put 1 MiB", "signal trip");
  for (const auto& [route, pair] : pairs) {
    const auto [from, to] = pair;
    if (self == from) speeds.put(0, 0, {measure_to(*bulk.memory, to, pace)});
    if (self == to && self != from)
      time_of(count_of(pace, 1000), [&, source = from] {
        bulk.memory->wait_signal(source, kMeasure);
        bulk.memory->put_signal(source, kMeasure);
      });
    speeds.memory->barrier();
    if (self == 0) print(route, from, to, speeds(0));
    speeds.memory->barrier();  // The slot may be written again.
  }
  const double barrier = time_of(count_of(pace, 200), [&] { bulk.memory->barrier(kMeasure); });
  if (self == 0) std::printf("\nbarrier of %d ranks: %.2f us\n", size, barrier / 1000);
}

}  // namespace

int main(int count, char** words) try {
  Context context;
  // "cuda": on GPU memory; the ranks share the first one, or each has its own by the launcher.
  const bool on_gpu = count > 1 && std::strcmp(words[1], "cuda") == 0;
  const Device device{on_gpu ? DeviceType::cuda : DeviceType::host, 0};
  const Table<Name> routes = meet(context, device);
  const bool right = verify(context, device);
  measure(context, routes, device);
  context.end_group(symmem::kWorld);  // Collective: closes all memory.
  return right ? 0 : 1;
} catch (const symmem::Error& e) {
  std::fprintf(stderr, "demo: %s\n", e.what());
  return 1;
}
