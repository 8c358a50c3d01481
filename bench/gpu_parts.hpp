// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "gpu_rank.hpp"

/// The benchmarks of bench_gpu. Each function is collective; the results of rank 0 are reported.
namespace symmem::bench {

/// Measures launches and graph nodes of empty kernels and of barriers.
std::vector<Figure> launches(const GpuRank& rank, int rounds);
/// Measures barriers of all ranks in kernels and in a graph.
std::vector<Figure> barriers(const GpuRank& rank, int rounds);
/// Measures signal and packet round trips between two ranks.
std::vector<Figure> signals(const GpuRank& rank, int rounds);
/// Measures and checks a barrier in a graph that is replayed ten thousand times.
std::vector<Figure> replays(const GpuRank& rank, int rounds);
/// Measures bulk copies between two ranks with the copy engine and with SMs, and small puts with a
/// signal.
std::vector<Figure> copies(const GpuRank& rank, int rounds);
/// Measures the one-shot all-reduces of docs/examples.
std::vector<Figure> all_reduces(Context& context, const GpuRank& rank, int rounds);

/// Measures puts, gets, signal round trips and atomics of GPU memory between two ranks on two
/// hosts, over the first transport in the options.
std::vector<Figure> across_hosts(Context& context, int rounds);

}  // namespace symmem::bench
