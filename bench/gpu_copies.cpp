// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/check.hpp"
#include "gpu_parts.hpp"

namespace symmem::bench {
namespace {

constexpr std::size_t kBulk = 128 << 20, kAt = GpuRank::kData;

/// Measures copies that rank 0 makes to or from rank 1, one copy at a time.
class Bulk {
 public:
  Bulk(const GpuRank& rank, bool put) : rank_(rank), put_(put) {
    ok(cudaDeviceGetAttribute(&multiprocessors_, cudaDevAttrMultiProcessorCount,
                              rank.device().index));
  }

  Figure by_engine(int rounds) const {
    return measure(
        "128 MiB", "cudaMemcpyAsync", 0.98, rounds, [&] { engine(); }, [&] { operation(); });
  }
  Figure by_kernel(int rounds) const {
    return measure(
        "128 MiB, by SM", "bare kernel", 0.98, rounds, [&] { bare_kernel(); }, [&] { kernel(); });
  }
  Figure kernel_beside_engine(int rounds) const {
    return measure(
        "128 MiB, by SM", "cudaMemcpyAsync", 0, rounds, [&] { engine(); }, [&] { kernel(); });
  }

 private:
  template <typename Floor, typename Ours>
  Figure measure(const char* what, const char* floor_is, double goal, int rounds, Floor floor,
                 Ours ours) const {
    Figure figure{fmt::format("{} {}", put_ ? "put" : "get", what), "GB/s", floor_is, {}, {}, {}};
    if (goal > 0) figure.goal = {Goal::Kind::ratio_at_least, goal};
    alternate(
        figure, rounds, [&] { return rate(floor); }, [&] { return rate(ours); });
    check(figure.what, ours);
    return figure;
  }

  template <typename Copy>
  double rate(Copy copy) const {
    const double us = rank_.timed([&] {
      if (rank_.first()) copy();
    });
    return static_cast<double>(kBulk) / us / 1e3;
  }

  /// Checks that `copy` transfers all bytes: rank 0 puts or gets a pattern, and the receiving rank
  /// compares every byte.
  template <typename Copy>
  void check(const std::string& what, Copy copy) const {
    constexpr unsigned char kMark = 0x5A;
    std::byte* const own = rank_.data_of(rank_.rank());
    std::byte* const source = put_ ? rank_.local() : own;
    std::byte* const target = put_ ? own : rank_.local();
    const bool sends = rank_.first() == put_;
    ok(cudaMemsetAsync(sends ? source : target, sends ? kMark : 0, kBulk, rank_.stream()));
    rank_.on().barrier();
    if (rank_.first()) copy();
    rank_.on().barrier();
    std::vector<unsigned char> received(kBulk);
    ok(cudaMemcpyAsync(received.data(), target, kBulk, cudaMemcpyDefault, rank_.stream()));
    rank_.wait();
    require(sends || received == std::vector<unsigned char>(kBulk, kMark), Errc::internal,
            "{}: the received data is wrong", what);
    rank_.memory().barrier();
  }

  void engine() const {
    ok(cudaMemcpyAsync(to(), from(), kBulk, cudaMemcpyDefault, rank_.stream()));
  }
  void operation() const {
    put_ ? rank_.on().put(rank_.next(), kAt, std::span(rank_.local(), kBulk))
         : rank_.on().get(rank_.next(), kAt, std::span(rank_.local(), kBulk));
  }
  void bare_kernel() const { floor_copy(rank_.stream(), multiprocessors_, to(), from(), kBulk); }
  void kernel() const {
    const DeviceView view = rank_.memory().device_view();
    if (put_)
      our_put(rank_.stream(), multiprocessors_, view, rank_.next(), kAt, rank_.local(), kBulk);
    else
      our_get(rank_.stream(), multiprocessors_, view, rank_.next(), kAt, rank_.local(), kBulk);
  }

  std::byte* remote() const { return rank_.data_of(rank_.next()); }
  std::byte* to() const { return put_ ? remote() : rank_.local(); }
  const std::byte* from() const { return put_ ? rank_.local() : remote(); }

  const GpuRank& rank_;
  const bool put_;
  int multiprocessors_ = 0;
};

/// Checks that the received bytes are visible after the wait for the signal.
void check_put_with_signal(const GpuRank& rank, std::size_t bytes) {
  const auto mark = [](int of) { return 17 + of; };
  ok(cudaMemsetAsync(rank.local(), mark(rank.rank()), bytes, rank.stream()));
  rank.on().put_with_signal(rank.next(), kAt, std::span(rank.local(), bytes), 2);
  rank.on().wait_signal(rank.next(), 2);
  std::vector<unsigned char> received(bytes);
  ok(cudaMemcpyAsync(received.data(), rank.data_of(rank.rank()), bytes, cudaMemcpyDefault,
                     rank.stream()));
  rank.wait();
  const std::vector<unsigned char> wanted(bytes, static_cast<unsigned char>(mark(rank.next())));
  require(received == wanted, Errc::internal, "put_with_signal: the received data is wrong");
  rank.memory().barrier();
}

Figure put_with_signal(const GpuRank& rank, std::size_t bytes, int rounds) {
  Figure figure = in_us(fmt::format("put_with_signal {} B, round trip, in a graph", bytes),
                        "cudaMemcpyAsync, bare signal");
  const Flags flags = rank.flags(kPuts);
  const int peer = rank.next();
  const std::span<const std::byte> source(rank.local(), bytes);
  const Replay floor(rank, [&] {
    const auto send = [&] {
      ok(cudaMemcpyAsync(rank.data_of(peer), rank.local(), bytes, cudaMemcpyDefault,
                         rank.stream()));
      floor_signal(rank.stream(), flags);
    };
    if (rank.first()) send();
    floor_wait(rank.stream(), flags);
    if (!rank.first()) send();
  });
  const Replay ours(rank, [&] {
    const StreamOperations on = rank.on();
    if (rank.first()) on.put_with_signal(peer, kAt, source, 2);
    on.wait_signal(peer, 2);
    if (!rank.first()) on.put_with_signal(peer, kAt, source, 2);
  });
  alternate(figure, rounds, floor, ours);
  check_put_with_signal(rank, bytes);
  return figure;
}

}  // namespace

std::vector<Figure> copies(const GpuRank& rank, int rounds) {
  std::vector<Figure> figures;
  for (const bool put : {true, false}) {
    const Bulk bulk(rank, put);
    figures.push_back(bulk.by_engine(rounds));
    figures.push_back(bulk.by_kernel(rounds));
    figures.push_back(bulk.kernel_beside_engine(rounds));
  }
  for (const std::size_t bytes : {std::size_t{8}, std::size_t{64} << 10})
    figures.push_back(put_with_signal(rank, bytes, rounds));
  return figures;
}

}  // namespace symmem::bench
