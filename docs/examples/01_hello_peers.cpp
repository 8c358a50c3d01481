// SPDX-License-Identifier: Apache-2.0
// Every rank writes a greeting into the buffer of every rank, then prints the greetings that it
// received. The program uses plain stores for peers on this host and put for other peers. Command:
// symmem run -n 4 symmem_hello_peers
#include <cstdint>
#include <cstdio>
#include <span>
#include <symmem/symmem.hpp>

namespace {

std::int64_t greeting(int from, int to) { return 1000 * from + to; }

bool hello(symmem::Context& context) {
  const int rank = context.rank();
  const int size = context.world_size();

  // Local: allocates one element for each rank. No other rank takes part.
  const auto words = context.allocate<std::int64_t>(static_cast<std::size_t>(size));

  // Collective: makes every rank's buffer accessible to all ranks.
  const auto memory = context.rendezvous(words);

  const auto mine = static_cast<std::size_t>(rank);  // Index of this rank's element.
  for (int peer = 0; peer < size; ++peer) {
    const std::int64_t word = greeting(rank, peer);
    const std::span theirs = memory->peer(peer).as<std::int64_t>();
    if (!theirs.empty())
      theirs[mine] = word;  // The peer's buffer is mapped into this process.
    else
      memory->put(peer, mine * sizeof word, std::span(&word, 1));
  }
  memory->barrier();  // Makes all earlier writes of all ranks visible.

  bool correct = true;
  for (int peer = 0; peer < size; ++peer) {
    const std::int64_t received = words.span()[static_cast<std::size_t>(peer)];
    std::printf("rank %d of %d: rank %d sent %lld, by %s\n", rank, size, peer,
                static_cast<long long>(received), memory->route(peer).transport.c_str());
    correct = correct && received == greeting(peer, rank);
  }
  memory->close();  // Collective: when it returns, no rank accesses the memory.
  return correct;
}

}  // namespace

int main() try {
  symmem::Context context;  // Joins the job.
  return hello(context) ? 0 : 1;
} catch (const symmem::Error& e) {
  std::fprintf(stderr, "hello_peers: %s\n", e.what());
  return 1;
}
