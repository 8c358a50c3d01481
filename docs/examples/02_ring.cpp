// SPDX-License-Identifier: Apache-2.0
// Each rank sends a token round the ring of ranks. Every rank that a token visits adds its own
// number, so that it comes home with the sum of all.
// Run it: symmem run -n 4 symmem_ring
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <symmem/symmem.hpp>

namespace {

constexpr int kLaps = 100;
constexpr int kChannel = 0;

bool ring(symmem::Context& context) {
  const int rank = context.rank();
  const int size = context.world_size();
  const int next = (rank + 1) % size;
  const int previous = (rank + size - 1) % size;
  const std::int64_t sum_of_ranks = std::int64_t{size} * (size - 1) / 2;

  // One slot a hop. A slot is written again one lap later, by a token that has been at its reader
  // meanwhile: so it was read, and no further signal has to say so.
  const symmem::Tensor slots = context.empty_strided_p2p({size}, {1}, symmem::kInt64);
  const auto memory = context.rendezvous(slots);

  bool all_right = true;
  const auto start = std::chrono::steady_clock::now();
  for (int lap = 0; lap < kLaps; ++lap) {
    std::int64_t token = lap;
    for (int hop = 0; hop < size; ++hop) {
      token += rank;
      const std::size_t offset = static_cast<std::size_t>(hop) * sizeof token;
      // The signal is seen after the data; it adds one to a count, and a wait takes one off.
      memory->put_with_signal(next, offset, &token, sizeof token, kChannel);
      memory->wait_signal(previous, kChannel);
      token = slots.data<std::int64_t>()[hop];
    }
    // After `size` hops it is our own again.
    all_right = all_right && token == lap + sum_of_ranks;
  }
  const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
  memory->close();

  std::printf("rank %d of %d: %d laps %s, %.2f us a hop\n", rank, size, kLaps,
              all_right ? "came home right" : "CAME HOME WRONG", time.count() / (kLaps * size));
  return all_right;
}

}  // namespace

int main() try {
  symmem::Context context;
  return ring(context) ? 0 : 1;
} catch (const symmem::Error& e) {
  std::fprintf(stderr, "ring: %s\n", e.what());
  return 1;
}
