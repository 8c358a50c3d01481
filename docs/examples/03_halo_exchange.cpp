// SPDX-License-Identifier: Apache-2.0
// A 2-D stencil. Each rank has kRows rows and two halo rows, into which the neighbours put their
// outermost rows before each step. Each rank compares its rows with a serial run on the whole grid.
#include <cmath>
#include <cstdio>
#include <span>
#include <symmem/symmem.hpp>
#include <vector>

namespace {

constexpr int kRows = 16, kColumns = 64, kSteps = 50, kChannel = 0;
/// Returns the index of the first cell of `row` in `grid`; a rank stores two consecutive grids.
constexpr std::size_t cell(int grid, int row) {
  return static_cast<std::size_t>(grid * (kRows + 2) + row) * kColumns;
}

/// Fills `rows` + 2 rows of a grid; `first` is the global number of the first row.
void fill(double* grid, int rows, int first) {
  for (int r = 0; r < rows + 2; ++r)
    for (int c = 0; c < kColumns; ++c)
      grid[r * kColumns + c] = std::sin(0.3 * (first + r)) + std::cos(0.2 * c);
}

/// Computes one step for rows 1 .. `rows`. The cells in the outermost columns keep their values.
void relax(const double* old, double* now, int rows) {
  for (int i = kColumns; i < (rows + 1) * kColumns; ++i)
    if (i % kColumns != 0 && i % kColumns != kColumns - 1)
      now[i] = 0.25 * (old[i - kColumns] + old[i + kColumns] + old[i - 1] + old[i + 1]);
}

/// Runs all steps and returns the final grid. Step s calls `exchange(s)`, then reads grids[s % 2].
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
  // Two grids, because a neighbour may be one step ahead; it then writes into the other grid.
  const auto band = context.allocate<double>(cell(2, 0));
  const auto memory = context.rendezvous(band);
  double* const grids[2] = {band.data(), band.data() + cell(1, 0)};
  const auto send_row = [&](int to, int grid, int from_row, int to_row) {
    const std::span row(band.data() + cell(grid, from_row), kColumns);
    memory->put_with_signal(to, cell(grid, to_row) * sizeof(double), row, kChannel);
  };
  const double* mine = run(grids, kRows, rank * kRows, [&](int step) {
    if (step == 0) memory->barrier();  // All ranks have filled their grids.
    if (above >= 0) send_row(above, step % 2, 1, kRows + 1);
    if (below < size) send_row(below, step % 2, kRows, 0);
    if (above >= 0) memory->wait_signal(above, kChannel);
    if (below < size) memory->wait_signal(below, kChannel);
  });

  std::vector<double> even(cell(0, size * kRows + 2)), odd(even.size());
  double* const wholes[2] = {even.data(), odd.data()};
  const double* all = run(wholes, size * kRows, 0, [](int) {}) + cell(0, rank * kRows);
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
  return std::fprintf(stderr, "halo_exchange: %s\n", e.what()), 1;
}
