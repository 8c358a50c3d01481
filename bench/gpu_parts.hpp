// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "gpu_rank.hpp"

/// The benchmarks of bench_gpu. Each is collective; the figures of rank 0 are reported.
namespace symmem::bench {

/// Launches and graph nodes, of empty kernels and of barriers.
std::vector<Figure> launches(const GpuRank& rank, int rounds);
/// Barriers of all ranks, in kernels and in a graph.
std::vector<Figure> barriers(const GpuRank& rank, int rounds);
/// Signal and packet round trips of two ranks.
std::vector<Figure> signals(const GpuRank& rank, int rounds);
/// A checked barrier in a graph replayed ten thousand times.
std::vector<Figure> replays(const GpuRank& rank, int rounds);
/// Bulk copies of two ranks by copy engine and by SMs; small puts with a signal.
std::vector<Figure> copies(const GpuRank& rank, int rounds);
/// The one-shot all-reduces of docs/examples.
std::vector<Figure> all_reduces(Context& context, const GpuRank& rank, int rounds);

/// Two ranks on two hosts, over the first transport of the options.
std::vector<Figure> across_hosts(Context& context, int rounds);

}  // namespace symmem::bench
