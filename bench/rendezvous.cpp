// SPDX-License-Identifier: Apache-2.0
// What it takes to make memory reachable and to let go of it again, after the first time: allocate
// and rendezvous, then close. Beside it one gather of the store, the round trip of all ranks of
// which a rendezvous is made.
#include "base/check.hpp"
#include "program.hpp"
#include "ranks.hpp"
#include "symmem/key_value_store.hpp"
#include "symmem/symmem.hpp"

namespace symmem::bench {
namespace {

class Deaf : public GroupListener {
  void member_gone(int, Departure, const std::string&) override {}
  void store_lost(const std::string&) override {}
};

/// A group of the same ranks, in the store alone.
class Gatherer {
 public:
  explicit Gatherer(Context& context)
      : store_(context.store()),
        membership_(store_->join({"bench", context.rank(), context.world_size(), {"bench", 1, 1}},
                                 std::make_shared<Deaf>())) {}
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

/// One allocation's life, timed; also proves that it reaches the next rank.
Times live(Context& context, SymmetricMemory& together, std::int64_t bytes) {
  const int next = (context.rank() + 1) % context.world_size();
  together.barrier();
  Times times{};
  Tensor tensor;
  std::shared_ptr<SymmetricMemory> memory;
  times.open = 1e3 * seconds_each(1, [&] {
                 tensor = context.empty_strided_p2p({bytes}, {1}, kUint8);
                 memory = context.rendezvous(tensor);
               });
  *static_cast<int*>(memory->peer(next).pointer) = next;
  memory->barrier();
  require(*tensor.data<int>() == context.rank(), Errc::internal, "a store went astray");
  times.close = 1e3 * seconds_each(1, [&] { memory->close(); });
  return times;
}

std::string size_text(std::int64_t bytes) {
  return bytes >= 1 << 20 ? fmt::format("{} MiB", bytes >> 20) : fmt::format("{} KiB", bytes >> 10);
}

std::vector<Figure> measure_size(Context& context, SymmetricMemory& together, Gatherer& gather,
                                 std::int64_t bytes, int rounds) {
  const auto name = [&](const char* what) {
    return fmt::format("{} {}, {} ranks", what, size_text(bytes), context.world_size());
  };
  Figure open{name("alloc+rendezvous"), "ms", "one gather", {}, {}, {Goal::Kind::at_most, 1}};
  Figure close{name("close"), "ms", "one gather", {}, {}, {}};
  for (int i = -2; i < rounds; ++i) {
    together.barrier();
    const double floor = 1e3 * seconds_each(1, gather);
    const Times times = live(context, together, bytes);
    if (i < 0) continue;  // After the first.
    open.floor.push_back(floor);
    close.floor.push_back(floor);
    open.ours.push_back(times.open);
    close.ours.push_back(times.close);
  }
  return {open, close};
}

void run_rank(int rounds) {
  Context context;
  const Tensor tensor = context.empty_strided_p2p({8}, {1}, kUint8);
  const auto together = context.rendezvous(tensor);
  Gatherer gather(context);
  std::vector<Figure> figures;
  for (const std::int64_t bytes : {std::int64_t{4} << 10, std::int64_t{16} << 20})
    for (const Figure& figure : measure_size(context, *together, gather, bytes, rounds))
      figures.push_back(figure);
  gather.end();
  together->close();
  if (context.rank() == 0) tell(figures);
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
                  {.description = "Rendezvous of ranks of one host",
                   .rounds = 100,
                   .most_rounds = 10000,
                   .be_rank = run_rank,
                   .measure = measure,
                   .title = [] { return "Rendezvous of ranks of one host, after the first"; }});
}
