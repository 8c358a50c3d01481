// SPDX-License-Identifier: Apache-2.0
// Benchmarks of GPU memory: signals, barriers, copies and reductions between ranks on one host,
// then put, get, signals and atomics between two hosts over UCX. Most rows have a baseline, which
// is called floor: the same work with bare instructions or CUDA calls. If ranks share a GPU, start
// the multi-process service; without it the GPU time-slices the processes.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/check.hpp"
#include "gpu_parts.hpp"
#include "program.hpp"
#include "ranks.hpp"

namespace symmem::bench {
namespace {

/// The set of benchmarks that one job runs.
struct Part {
  std::string name;       ///< "pair", "ranks" or "network"; empty: all sets.
  std::string transport;  ///< Transport of the set "network".
};

int gpus() {
  int count = 0;
  const cudaError_t result = cudaGetDeviceCount(&count);
  require(result == cudaSuccess && count > 0, Errc::unsupported, "no GPU ({})",
          cudaGetErrorString(result));
  return count;
}

void append(std::vector<Figure>& figures, std::vector<Figure> more) {
  for (Figure& figure : more) figures.push_back(std::move(figure));
}

Figure rendezvous(Context& context, const GpuRank& rank, int rounds) {
  Figure figure{"alloc + rendezvous 4 KiB", "ms", "", {}, {}, {Goal::Kind::at_most, 1}};
  for (int i = -2; i < rounds; ++i) {
    rank.memory().barrier();
    Buffer<> buffer;
    std::shared_ptr<SymmetricMemory> memory;
    const double ms = 1e3 * seconds_each(1, [&] {
                        buffer = context.allocate(4096, rank.device());
                        memory = context.rendezvous(buffer);
                      });
    if (i >= 0) figure.ours.push_back(ms);
    memory->close();
  }
  return figure;
}

std::vector<Figure> measure_as_pair(Context& context, int rounds) {
  const GpuRank rank(context, 128 << 20);
  std::vector<Figure> figures = launches(rank, rounds);
  append(figures, barriers(rank, rounds));
  append(figures, signals(rank, rounds));
  append(figures, replays(rank, rounds));
  append(figures, copies(rank, rounds));
  append(figures, all_reduces(context, rank, rounds));
  figures.push_back(rendezvous(context, rank, rounds));
  rank.close();
  return figures;
}

std::vector<Figure> measure_as_ranks(Context& context, int rounds) {
  const GpuRank rank(context, 1 << 20);
  std::vector<Figure> figures = barriers(rank, rounds);
  append(figures, replays(rank, rounds));
  append(figures, all_reduces(context, rank, rounds));
  rank.close();
  for (Figure& figure : figures)
    figure.what = fmt::format("{} ranks, {} GPUs: {}", rank.size(), std::min(rank.size(), gpus()),
                              figure.what);
  return figures;
}

void run_rank(int rounds, const Part& part) {
  Options options = Options::from_env();
  if (!part.transport.empty()) options.transports = {part.transport};
  Context context(options);
  std::vector<Figure> figures;
  if (part.name == "pair") figures = measure_as_pair(context, rounds);
  if (part.name == "ranks") figures = measure_as_ranks(context, rounds);
#ifdef SYMMEM_BENCH_UCX
  if (part.name == "network") figures = across_hosts(context, rounds);
#endif
  if (context.rank() == 0) report(figures);
}

std::vector<std::string> words_of(const Part& part, int rounds) {
  std::vector<std::string> words{"--as-rank", "--rounds", std::to_string(rounds), "--only",
                                 part.name};
  if (part.transport.empty()) return words;
  words.emplace_back("--transport");
  words.push_back(part.transport);
  return words;
}

constexpr const char* kTimeSliced =
    "without the multi-process service the GPU time-slices the kernels of several processes";

bool shares_gpus() {
  int served = 0;
  ok(cudaDeviceGetAttribute(&served, cudaDevAttrMpsEnabled, 0));
  return served != 0 || std::getenv("CUDA_MPS_PIPE_DIRECTORY") != nullptr;
}

/// Returns the numbers of ranks for the set "ranks": one rank per GPU, and more ranks if they can
/// share GPUs.
std::vector<int> counts() {
  const int count = gpus();
  std::vector<int> counts;
  if (count > 2) counts.push_back(std::min(count, Flags::kMost));
  if (!shares_gpus()) {
    fmt::print(stderr, "more ranks than GPUs: skipped: {}\n", kTimeSliced);
  } else if (count == 1) {  // The set "pair" covers two ranks.
    counts.push_back(4);
    counts.push_back(8);
  } else if (2 * count <= Flags::kMost) {
    counts.push_back(2 * count);
  }
  return counts;
}

std::vector<Figure> measure_pair(int rounds) {
  return figures_of(run_ranks(2, words_of({"pair", {}}, rounds)).at(0));
}

std::vector<Figure> measure_ranks(int count, int rounds) {
  return figures_of(run_ranks(count, words_of({"ranks", {}}, rounds)).at(0));
}

[[maybe_unused]] std::vector<Figure> measure_network(const char* transport, int rounds) {
  const auto self = std::filesystem::read_symlink("/proc/self/exe");
  const auto launcher = self.parent_path() / "symmem";
  require(std::filesystem::exists(launcher), Errc::unsupported, "the launcher {} does not exist",
          launcher.string());
  std::vector<std::string> words{launcher, "run", "-n", "2", "--nodes", "2", self};
  for (std::string& word : words_of({"network", transport}, rounds))
    words.push_back(std::move(word));
  // The launcher prefixes the output line with "[0] ".
  return figures_of(run_program(words).at(0).substr(4));
}

/// Runs all sets of benchmarks or one set. If a set throws, the results of the other sets are still
/// returned.
class Measurement {
 public:
  std::vector<Figure> run(int rounds, const std::string& only) {
    const auto wants = [&](const char* part) { return only.empty() || only == part; };
    const bool one = gpus() == 1;  // gpus() throws if there is no GPU.
    if (only.empty() && one && !shares_gpus())
      fmt::print(stderr, "two ranks on one GPU: skipped: {}; --only pair measures it anyway\n",
                 kTimeSliced);
    else if (wants("pair"))
      add("two ranks", [&] { return measure_pair(rounds); });
    if (wants("ranks"))
      for (const int count : counts())
        add("more ranks", [&] { return measure_ranks(count, rounds); });
#ifdef SYMMEM_BENCH_UCX
    if (wants("network"))
      for (const char* transport : {"ucx", "ucx_staged"})
        add(transport, [&] { return measure_network(transport, rounds); });
#else
    if (wants("network"))
      fmt::print(stderr, "GPU memory across hosts: skipped: built without UCX\n");
#endif
    return std::move(figures_);
  }
  bool failed() const { return failed_; }

 private:
  template <typename Measure>
  void add(const char* what, Measure measure) try {
    append(figures_, measure());
  } catch (const std::exception& e) {
    fmt::print(stderr, "bench_gpu: {}: {}\n", what, e.what());
    failed_ = true;
  }

  std::vector<Figure> figures_;
  bool failed_ = false;
};

std::string title() {
  cudaDeviceProp properties{};
  ok(cudaGetDeviceProperties(&properties, 0));
  return fmt::format("{} x {}; two ranks, unless a row states another number", gpus(),
                     properties.name);
}

}  // namespace
}  // namespace symmem::bench

int main(int argc, char** argv) {
  using namespace symmem::bench;
  Part part;
  Measurement measurement;
  const int code = run_main(
      argc, argv, "bench_gpu",
      {.description =
           "benchmark GPU memory between ranks on one host and between two hosts over UCX",
       .run_rank = [&](int rounds) { run_rank(rounds, part); },
       .measure = [&](int rounds) { return measurement.run(rounds, part.name); },
       .title = title,
       .add_options =
           [&](CLI::App& app) {
             app.add_option("--only", part.name,
                            "run one set of benchmarks: pair (two ranks), ranks (more ranks), "
                            "network (two hosts)")
                 ->check(CLI::IsMember({"pair", "ranks", "network"}));
             app.add_option("--transport", part.transport, "transport of a rank (internal)")
                 ->group("");
           }});
  return measurement.failed() ? 1 : code;
}
