// SPDX-License-Identifier: Apache-2.0
// Every rank sends a token around the ring of ranks. Each rank that receives a token adds its rank
// number and sends the token to the next rank. In one lap a token grows by the sum of all ranks.
// Command: symmem run -n 4 symmem_ring
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <span>
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

  // One slot per hop. A slot is written again one lap later. By then the chain of signals has
  // passed through the rank that reads the slot, so that rank has read it and no second signal is
  // needed.
  const auto slots = context.allocate<std::int64_t>(static_cast<std::size_t>(size));
  const auto memory = context.rendezvous(slots);

  bool correct = true;
  const auto start = std::chrono::steady_clock::now();
  for (int lap = 0; lap < kLaps; ++lap) {
    std::int64_t token = lap;
    for (std::size_t hop = 0; hop < slots.size(); ++hop) {
      token += rank;
      // The signal is ordered after the data. A signal adds one to a counter; a wait consumes one.
      memory->put_with_signal(next, hop * sizeof token, std::span(&token, 1), kChannel);
      memory->wait_signal(previous, kChannel);
      token = slots.span()[hop];
    }
    // After `size` hops the token has returned to the rank that sent it.
    correct = correct && token == lap + sum_of_ranks;
  }
  const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
  memory->close();

  std::printf("rank %d of %d: %d laps %s, %.2f us a hop\n", rank, size, kLaps,
              correct ? "correct" : "WRONG", time.count() / (kLaps * size));
  return correct;
}

}  // namespace

int main() try {
  symmem::Context context;
  return ring(context) ? 0 : 1;
} catch (const symmem::Error& e) {
  std::fprintf(stderr, "ring: %s\n", e.what());
  return 1;
}
