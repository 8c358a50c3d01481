// SPDX-License-Identifier: Apache-2.0
// A 2-D stencil. Each rank has a band of rows and two halo rows, into which its neighbours put
// their outermost rows before each step. Each checks its band against a run of all rows alone.
#include <cmath>
#include <cstdio>
#include <symmem/symmem.hpp>
#include <vector>

namespace {

constexpr int kRows = 16, kColumns = 64, kSteps = 50;  // Rows of each rank.
constexpr std::size_t kRowBytes = kColumns * sizeof(double);

/// Fills `rows` + 2 rows of one grid; `first` is the global number of the first.
void fill(double* grid, int rows, int first) {
  for (int r = 0; r < rows + 2; ++r)
    for (int c = 0; c < kColumns; ++c)
      grid[r * kColumns + c] = std::sin(0.3 * (first + r)) + std::cos(0.2 * c);
}

/// One step of rows 1 .. `rows`. The outermost columns keep their values.
void relax(const double* old, double* now, int rows) {
  for (int i = kColumns; i < (rows + 1) * kColumns; ++i)
    if (i % kColumns != 0 && i % kColumns != kColumns - 1)
      now[i] = 0.25 * (old[i - kColumns] + old[i + kColumns] + old[i - 1] + old[i + 1]);
}

/// Calls `exchange(step)` before each step; grid step % 2 is then the old one. Returns the last.
template <typename Exchange>
const double* run(double* const grids[2], int rows, int first, Exchange exchange) {
  for (int g = 0; g < 2; ++g) fill(grids[g], rows, first);
  for (int step = 0; step < kSteps; ++step) {
    exchange(step);
    relax(grids[step % 2], grids[(step + 1) % 2], rows);
  }
  return grids[kSteps % 2];
}

bool halo_exchange(symmem::Context& context) {
  const int rank = context.rank(), above = rank - 1, below = rank + 1, size = context.world_size();
  // Two grids: a neighbour is at most one step ahead, and then writes into the other one.
  const symmem::Tensor band = context.empty_strided_p2p(
      {2, kRows + 2, kColumns}, {(kRows + 2) * kColumns, kColumns, 1}, symmem::kFloat64);
  const auto memory = context.rendezvous(band);
  double* const grids[2] = {band.data<double>(), band.data<double>() + (kRows + 2) * kColumns};
  const auto offset = [](int grid, int row) {
    return static_cast<std::size_t>(grid * (kRows + 2) + row) * kRowBytes;
  };
  const double* mine = run(grids, kRows, rank * kRows, [&](int step) {
    if (step == 0) memory->barrier();  // All have filled their grids, halos too.
    const int g = step % 2, channel = 0;
    const double *first = grids[g] + kColumns, *last = grids[g] + kRows * kColumns;
    if (above >= 0) memory->put_with_signal(above, offset(g, kRows + 1), first, kRowBytes, channel);
    if (below < size) memory->put_with_signal(below, offset(g, 0), last, kRowBytes, channel);
    if (above >= 0) memory->wait_signal(above, channel);
    if (below < size) memory->wait_signal(below, channel);
  });

  std::vector<double> whole[2];
  for (auto& grid : whole) grid.resize(static_cast<std::size_t>((size * kRows + 2) * kColumns));
  double* const wholes[2] = {whole[0].data(), whole[1].data()};
  const double* all = run(wholes, size * kRows, 0, [](int) {}) + rank * kRows * kColumns;
  int wrong = 0;
  for (int i = kColumns; i < (kRows + 1) * kColumns; ++i)
    wrong += std::abs(mine[i] - all[i]) > 1e-12;
  std::printf("rank %d of %d: %d of %d cells wrong\n", rank, size, wrong, kRows * kColumns);
  memory->close();
  return wrong == 0;
}

}  // namespace

int main() try {
  symmem::Context context;
  return halo_exchange(context) ? 0 : 1;
} catch (const symmem::Error& e) {
  std::fprintf(stderr, "halo_exchange: %s\n", e.what());
  return 1;
}
