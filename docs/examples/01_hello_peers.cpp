// SPDX-License-Identifier: Apache-2.0
// Every rank writes a greeting into every rank's memory, with a plain store where a pointer
// reaches, and reads those it got. Run it: symmem run -n 4 symmem_hello_peers
#include <cstdint>
#include <cstdio>
#include <symmem/symmem.hpp>

namespace {

std::int64_t greeting(int from, int to) { return 1000 * from + to; }

bool hello(symmem::Context& context) {
  const int rank = context.rank();
  const int size = context.world_size();

  // Local: one word for each rank that may greet us. No other rank takes part.
  const symmem::Tensor words = context.empty_strided_p2p({size}, {1}, symmem::kInt64);

  // Collective: afterwards every rank's tensor is reachable from every rank.
  const auto memory = context.rendezvous(words);

  for (int peer = 0; peer < size; ++peer) {
    const std::int64_t word = greeting(rank, peer);
    if (void* theirs = memory->buffer_ptrs()[static_cast<std::size_t>(peer)])
      static_cast<std::int64_t*>(theirs)[rank] = word;  // On this host: in our own address space.
    else
      memory->put(peer, static_cast<std::size_t>(rank) * sizeof word, &word, sizeof word);
  }
  memory->barrier();  // What a rank wrote before it, every rank sees after it.

  bool all_right = true;
  for (int peer = 0; peer < size; ++peer) {
    const std::int64_t got = words.data<std::int64_t>()[peer];
    std::printf("rank %d of %d: rank %d says %lld, by %s\n", rank, size, peer,
                static_cast<long long>(got), memory->route(peer).transport.c_str());
    all_right = all_right && got == greeting(peer, rank);
  }
  memory->close();  // Collective: no rank uses the memory any more.
  return all_right;
}

}  // namespace

int main() try {
  symmem::Context context;  // Joins the ranks that were started together.
  return hello(context) ? 0 : 1;
} catch (const symmem::Error& e) {
  std::fprintf(stderr, "hello_peers: %s\n", e.what());
  return 1;
}
