// SPDX-License-Identifier: Apache-2.0
// Measures the barrier of 2, 4 and 8 ranks on one host and, if OpenSHMEM is installed, the barrier
// of OpenSHMEM. Jobs of symmem and of OpenSHMEM run alternately.
#include <nlohmann/json.hpp>

#include "base/check.hpp"
#include "program.hpp"
#include "ranks.hpp"
#include "symmem/symmem.hpp"

namespace symmem::bench {
namespace {

// These constants are equal to the constants in peers/shmem_barrier.c.
constexpr int kBatches = 10, kBarriers = 200;

/// Runs one rank. Rank 0 prints the mean time of a barrier in microseconds, one value per batch.
void run_rank() {
  Context context;
  const auto buffer = context.allocate(8);
  const auto memory = context.rendezvous(buffer);
  std::vector<double> times;
  for (int i = 0; i <= kBatches; ++i) {
    const double each = seconds_each(kBarriers, [&] { memory->barrier(); });
    if (i > 0) times.push_back(each * 1e6);  // Batch 0 warms up.
  }
  memory->close();
  if (context.rank() == 0) fmt::print("{}\n", nlohmann::json(times).dump());
}

double median_of(const std::vector<std::string>& lines) {
  return median(nlohmann::json::parse(lines.at(0)).get<std::vector<double>>());
}

/// Returns the time of OpenSHMEM's barrier in microseconds, or nullopt in a build without
/// OpenSHMEM.
std::optional<double> openshmem(int ranks) {
#ifdef SYMMEM_OSHRUN
  // Excludes osc/rdma, which the barrier does not use and which crashes Open MPI 4.1 in finalize.
  return median_of(
      run_program({SYMMEM_OSHRUN, "--allow-run-as-root", "--oversubscribe", "--mca", "osc", "^rdma",
                   "-n", std::to_string(ranks), SYMMEM_SHMEM_BARRIER}));
#else
  static_cast<void>(ranks);
  return std::nullopt;
#endif
}

std::vector<Figure> measure(int rounds) {
  std::vector<Figure> figures;
  for (const int ranks : {2, 4, 8})
    figures.push_back({fmt::format("barrier, {} ranks", ranks),
                       "us",
                       "shmem_barrier_all",
                       {},
                       {},
                       {Goal::Kind::ratio_at_most, 1}});
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < figures.size(); ++i) {
      const int ranks = 2 << i;
      if (const auto theirs = openshmem(ranks)) figures[i].floor.push_back(*theirs);
      figures[i].ours.push_back(median_of(run_ranks(ranks, {"--as-rank"})));
    }
  }
  for (Figure& figure : figures)
    if (figure.floor.empty()) figure.floor_is = "(built without oshcc)", figure.goal = {};
  return figures;
}

}  // namespace
}  // namespace symmem::bench

int main(int argc, char** argv) {
  using namespace symmem::bench;
  return run_main(
      argc, argv, "bench_barrier",
      {.description = "benchmark the barrier and compare it with OpenSHMEM",
       .rounds = 7,
       .run_rank = [](int) { run_rank(); },
       .measure = measure,
       .title = [] { return "Barrier of ranks on one host, compared with OpenSHMEM"; }});
}
