// SPDX-License-Identifier: Apache-2.0
// Measures allocation with rendezvous, then close, each after a warm-up. The floor (baseline) is
// one gather of the store, the collective round trip that a rendezvous consists of.
#include <cstring>

#include "base/check.hpp"
#include "program.hpp"
#include "ranks.hpp"
#include "symmem/key_value_store.hpp"
#include "symmem/symmem.hpp"

namespace symmem::bench {
namespace {

class IgnoringListener : public GroupListener {
  void member_gone(int, Departure, const std::string&) override {}
  void store_lost(const std::string&) override {}
};

/// A group of the same ranks that only gathers through the store.
class Gatherer {
 public:
  explicit Gatherer(Context& context)
      : store_(context.store()),
        membership_(store_->join({"bench", context.rank(), context.world_size(), {"bench", 1, 1}},
                                 std::make_shared<IgnoringListener>())) {}
  void operator()() {
    store_->gather(membership_, std::to_string(count_++), std::string(100, 'x'));
  }
  void end() { store_->end(membership_); }

 private:
  const std::shared_ptr<KeyValueStore> store_;
  const Membership membership_;
  int count_ = 0;
};

struct Times {
  double open, close;
};

/// Times one allocation from allocate to close, and checks a store to the next rank.
Times open_and_close(Context& context, SymmetricMemory& together, std::size_t bytes) {
  const int next = (context.rank() + 1) % context.world_size();
  together.barrier();
  Times times{};
  Buffer<> buffer;
  std::shared_ptr<SymmetricMemory> memory;
  times.open = 1e3 * seconds_each(1, [&] {
                 buffer = context.allocate(bytes);
                 memory = context.rendezvous(buffer);
               });
  memory->peer(next).as<int>()[0] = next;
  memory->barrier();
  int received = -1;
  std::memcpy(&received, buffer.data(), sizeof received);
  require(received == context.rank(), Errc::internal, "the received data is wrong");
  times.close = 1e3 * seconds_each(1, [&] { memory->close(); });
  return times;
}

std::string size_text(std::size_t bytes) {
  return bytes >= 1 << 20 ? fmt::format("{} MiB", bytes >> 20) : fmt::format("{} KiB", bytes >> 10);
}

std::vector<Figure> measure_size(Context& context, SymmetricMemory& together, Gatherer& gather,
                                 std::size_t bytes, int rounds) {
  const auto name = [&](const char* what) {
    return fmt::format("{} {}, {} ranks", what, size_text(bytes), context.world_size());
  };
  Figure open{name("alloc+rendezvous"), "ms", "one gather", {}, {}, {Goal::Kind::at_most, 1}};
  Figure close{name("close"), "ms", "one gather", {}, {}, {}};
  for (int i = -2; i < rounds; ++i) {
    together.barrier();
    const double floor = 1e3 * seconds_each(1, gather);
    const Times times = open_and_close(context, together, bytes);
    if (i < 0) continue;  // Warm-up.
    open.floor.push_back(floor);
    close.floor.push_back(floor);
    open.ours.push_back(times.open);
    close.ours.push_back(times.close);
  }
  return {open, close};
}

void run_rank(int rounds) {
  Context context;
  const auto buffer = context.allocate(8);
  const auto together = context.rendezvous(buffer);
  Gatherer gather(context);
  std::vector<Figure> figures;
  for (const std::size_t bytes : {std::size_t{4} << 10, std::size_t{16} << 20})
    for (const Figure& figure : measure_size(context, *together, gather, bytes, rounds))
      figures.push_back(figure);
  gather.end();
  together->close();
  if (context.rank() == 0) report(figures);
}

std::vector<Figure> measure(int rounds) {
  std::vector<Figure> figures;
  for (const int ranks : {2, 4, 8})
    for (const Figure& figure :
         figures_of(run_ranks(ranks, {"--as-rank", "--rounds", std::to_string(rounds)}).at(0)))
      figures.push_back(figure);
  return figures;
}

}  // namespace
}  // namespace symmem::bench

int main(int argc, char** argv) {
  using namespace symmem::bench;
  return run_main(argc, argv, "bench_rendezvous",
                  {.description = "benchmark rendezvous and close of ranks on one host",
                   .rounds = 100,
                   .most_rounds = 10000,
                   .run_rank = run_rank,
                   .measure = measure,
                   .title = [] { return "Rendezvous of ranks on one host, after a warm-up"; }});
}
