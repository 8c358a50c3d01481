// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "gpu_rank.hpp"

/// What bench_gpu measures, idea by idea. Collective: all ranks call the same in the same order,
/// and what rank 0 gets counts.
namespace symmem::bench {

/// What a launch and a node of a graph cost whatever is in them.
std::vector<Figure> launches(const GpuRank& rank, int rounds);
/// Barriers of all ranks.
std::vector<Figure> barriers(const GpuRank& rank, int rounds);
/// Signals of two ranks.
std::vector<Figure> signals(const GpuRank& rank, int rounds);
/// A graph replayed ten thousand times.
std::vector<Figure> replays(const GpuRank& rank, int rounds);
/// Bulk data of two ranks by copy engine and by SM, and small data with a signal.
std::vector<Figure> copies(const GpuRank& rank, int rounds);
std::vector<Figure> all_reduces(Context& context, const GpuRank& rank, int rounds);

/// GPU memory of two ranks on two hosts, by the transport that the options name.
std::vector<Figure> across_hosts(Context& context, int rounds);

}  // namespace symmem::bench
