// SPDX-License-Identifier: Apache-2.0
// Every rank writes a greeting into the memory of every rank, then prints the greetings it
// received. Peers on this host are reached by plain stores, all others by put. Run it: symmem run
// -n 4 symmem_hello_peers
#include <cstdint>
#include <cstdio>
#include <span>
#include <symmem/symmem.hpp>

namespace {

std::int64_t greeting(int from, int to) { return 1000 * from + to; }

bool hello(symmem::Context& context) {
  const int rank = context.rank();
  const int size = context.world_size();

  // Local: one word for each rank. No other rank takes part.
  const auto words = context.allocate<std::int64_t>(static_cast<std::size_t>(size));

  // Collective: makes every rank's words reachable from every rank.
  const auto memory = context.rendezvous(words);

  const auto mine = static_cast<std::size_t>(rank);  // This rank's word in each buffer.
  for (int peer = 0; peer < size; ++peer) {
    const std::int64_t word = greeting(rank, peer);
    const std::span theirs = memory->peer(peer).as<std::int64_t>();
    if (!theirs.empty())
      theirs[mine] = word;  // The peer's buffer is mapped into this process.
    else
      memory->put(peer, mine * sizeof word, std::span(&word, 1));
  }
  memory->barrier();  // All writes before it, by any rank, are visible after it.

  bool correct = true;
  for (int peer = 0; peer < size; ++peer) {
    const std::int64_t received = words.span()[static_cast<std::size_t>(peer)];
    std::printf("rank %d of %d: rank %d says %lld, by %s\n", rank, size, peer,
                static_cast<long long>(received), memory->route(peer).transport.c_str());
    correct = correct && received == greeting(peer, rank);
  }
  memory->close();  // Collective: when it returns, no rank accesses the memory.
  return correct;
}

}  // namespace

int main() try {
  symmem::Context context;  // Joins the ranks that were started together.
  return hello(context) ? 0 : 1;
} catch (const symmem::Error& e) {
  std::fprintf(stderr, "hello_peers: %s\n", e.what());
  return 1;
}
