// SPDX-License-Identifier: Apache-2.0
// Benchmarks of host memory of two ranks on one host. Each operation has a floor (baseline): the
// same processes do the same work on the mapped memory without symmem.
#include <sys/mman.h>

#include <atomic>
#include <cstring>

#include "base/check.hpp"
#include "program.hpp"
#include "ranks.hpp"
#include "symmem/symmem.hpp"

namespace symmem::bench {
namespace {

using Word = std::int64_t;

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr std::size_t kFar = 128 * kMiB;  ///< Larger than the caches.
constexpr int kWords = 2048;              ///< Fit into the L1 cache.
constexpr int kChannel = 1;

/// Offsets in each rank's buffer: words, each in a separate cache line, then bulk data.
constexpr std::size_t kFlagAt = 0, kOtherFlagAt = 64, kCounterAt = 128, kWordAt = 192;
constexpr std::size_t kBulkAt = 4096;

/// Both functions are called for the floor and for symmem, so that both execute the same
/// instructions.
[[gnu::noinline]] void store_words(volatile Word* words, Word value) {
  for (int i = 0; i < kWords; ++i) words[i] = value;
}
[[gnu::noinline]] Word load_words(const volatile Word* words) {
  Word sum = 0;
  for (int i = 0; i < kWords; ++i) sum += words[i];
  return sum;
}

/// Compiler barrier: prevents merging of consecutive iterations of a loop.
void end_iteration() { asm volatile("" ::: "memory"); }

/// Returns the nanoseconds of one call. Not inlined: in a larger function the loop counter may be
/// in memory, which adds a nanosecond to each call.
template <typename Call>
[[gnu::noinline]] double nanoseconds_each(int count, Call call) {
  return 1e9 * seconds_each(count, call);
}

class Memory {
 public:
  Memory(Context& context, int rounds)
      : rounds_(rounds),
        buffer_(context.allocate(kBulkAt + kFar)),
        memory_(context.rendezvous(buffer_)),
        peer_(1 - context.rank()),
        mine_(buffer_.data()),
        theirs_(memory_->peer(peer_).mapped.data()),
        source_(kFar, std::byte{7}) {
    // Touches the pages before the first sample.
    std::memset(mine_, 0, kBulkAt + kFar);
    memory_->barrier();
    load_words(reinterpret_cast<Word*>(theirs_));
  }

  std::vector<Figure> run() {
    std::vector<Figure> figures;
    if (memory_->rank() == 0)
      figures = {stores(), loads(), put_word(), get_word(), put_near(), put_far(), add()};
    memory_->barrier();
    for (const Figure& figure : {signal(), barrier()}) figures.push_back(figure);
    memory_->close();
    return figures;
  }

 private:
  Figure stores() {
    Figure figure{"store 8 B by pointer", "ns", "private memory", {}, {}, {}};
    figure.goal = {Goal::Kind::ratio_at_most, 1.05};
    auto* near = reinterpret_cast<Word*>(source_.data());
    auto* far = reinterpret_cast<Word*>(theirs_ + kBulkAt);
    const auto time = [](Word* words) {
      return seconds_each(500, [&] { store_words(words, 3); }) * 1e9 / kWords;
    };
    alternate(
        figure, rounds_, [&] { return time(near); }, [&] { return time(far); });
    require(load_words(far) == Word{3} * kWords, Errc::internal, "a store by pointer is missing");
    return figure;
  }

  Figure loads() {
    Figure figure{"load 8 B by pointer", "ns", "private memory", {}, {}, {}};
    figure.goal = {Goal::Kind::ratio_at_most, 1.05};
    auto* near = reinterpret_cast<Word*>(source_.data());
    auto* far = reinterpret_cast<Word*>(theirs_ + kBulkAt);
    const auto time = [](Word* words) {
      Word sum = 0;
      const double each = seconds_each(500, [&] { sum += load_words(words); });
      require(sum == Word{500} * 3 * kWords, Errc::internal, "a load by pointer has a wrong value");
      return each * 1e9 / kWords;
    };
    alternate(
        figure, rounds_, [&] { return time(near); }, [&] { return time(far); });
    return figure;
  }

  Figure put_word() {
    Figure figure{"put 8 B", "ns", "memcpy 8 B", {}, {}, {Goal::Kind::above_floor_at_most, 15}};
    Word value = 0;
    alternate(
        figure, rounds_,
        [&] {
          return nanoseconds_each(200'000, [&] {
            ++value;
            std::memcpy(theirs_ + kWordAt, &value, sizeof value);
            end_iteration();
          });
        },
        [&] {
          return nanoseconds_each(200'000, [&] {
            ++value;
            memory_->put(peer_, kWordAt, std::span(&value, 1));
            end_iteration();
          });
        });
    require(std::memcmp(theirs_ + kWordAt, &value, sizeof value) == 0, Errc::internal,
            "put 8 B: the received data is wrong");
    return figure;
  }

  Figure get_word() {
    Figure figure{"get 8 B", "ns", "memcpy 8 B", {}, {}, {Goal::Kind::above_floor_at_most, 15}};
    Word value = 0;
    alternate(
        figure, rounds_,
        [&] {
          return nanoseconds_each(200'000, [&] {
            std::memcpy(&value, theirs_ + kWordAt, sizeof value);
            end_iteration();
          });
        },
        [&] {
          return nanoseconds_each(200'000, [&] {
            memory_->get(peer_, kWordAt, std::span(&value, 1));
            end_iteration();
          });
        });
    require(std::memcmp(theirs_ + kWordAt, &value, sizeof value) == 0, Errc::internal,
            "get 8 B: the received data is wrong");
    return figure;
  }

  /// Copies `bytes` bytes in pieces of 1 MiB, `passes` times per sample.
  Figure put_bulk(const char* what, std::size_t bytes, int passes) {
    Figure figure{what, "GB/s", "memcpy 1 MiB", {}, {}, {Goal::Kind::ratio_at_least, 0.98}};
    const auto speed = [&](auto copy) {
      const double seconds = seconds_each(passes, [&] {
        for (std::size_t at = 0; at < bytes; at += kMiB) copy(at);
      });
      return static_cast<double>(bytes) / seconds / 1e9;
    };
    alternate(
        figure, rounds_,
        [&] {
          return speed(
              [&](std::size_t at) { std::memcpy(theirs_ + kBulkAt + at, &source_[at], kMiB); });
        },
        [&] {
          return speed([&](std::size_t at) {
            memory_->put(peer_, kBulkAt + at, std::span(&source_[at], kMiB));
          });
        });
    require(std::memcmp(theirs_ + kBulkAt, source_.data(), bytes) == 0, Errc::internal,
            "{}: the received data is wrong", what);
    return figure;
  }
  Figure put_near() { return put_bulk("put 1 MiB, in cache", kMiB, 100); }
  Figure put_far() { return put_bulk("put 1 MiB, from DRAM", kFar, 1); }

  Figure add() {
    Figure figure{
        "fetch_add 8 B", "ns", "std::atomic_ref", {}, {}, {Goal::Kind::above_floor_at_most, 15}};
    constexpr int kCount = 100'000;
    const std::atomic_ref counter(word_at(theirs_, kCounterAt));
    alternate(
        figure, rounds_, [&] { return nanoseconds_each(kCount, [&] { counter.fetch_add(1); }); },
        [&] {
          return nanoseconds_each(kCount, [&] { memory_->fetch_add(peer_, kCounterAt, Word{1}); });
        });
    require(counter.load() == Word{2} * kCount * (rounds_ + 1), Errc::internal,
            "fetch_add lost an addition");
    return figure;
  }

  /// Measures half a round trip of signals. Both ranks call this function.
  Figure signal() {
    Figure figure{"signal, one way",
                  "ns",
                  "one flag, two processes",
                  {},
                  {},
                  {Goal::Kind::ratio_at_most, 1.5}};
    constexpr int kTrips = 5000;
    // The flag is in rank 0's buffer; rank 0 waits for even values.
    const bool first = memory_->rank() == 0;
    const std::atomic_ref flag(word_at(first ? mine_ : theirs_, kFlagAt));
    Word turn = first ? 0 : 1;
    const auto by_flag = [&] {
      while (flag.load(std::memory_order_acquire) != turn) {
      }
      flag.store(turn + 1, std::memory_order_release);
      turn += 2;
    };
    const auto by_signal = [&] {
      if (first) memory_->put_signal(peer_, kChannel);
      memory_->wait_signal(peer_, kChannel);
      if (!first) memory_->put_signal(peer_, kChannel);
    };
    alternate(
        figure, rounds_, [&] { return start_together(kTrips, by_flag) / 2; },
        [&] { return start_together(kTrips, by_signal) / 2; });
    return figure;
  }

  Figure barrier() {
    Figure figure{"barrier, 2 ranks", "ns", "two flags exchanged", {}, {}, {}};
    const std::atomic_ref own(word_at(mine_, kOtherFlagAt));
    const std::atomic_ref other(word_at(theirs_, kOtherFlagAt));
    Word epoch = 0;
    const auto by_flags = [&] {
      other.store(++epoch, std::memory_order_release);
      while (own.load(std::memory_order_acquire) < epoch) {
      }
    };
    alternate(
        figure, rounds_, [&] { return start_together(5000, by_flags); },
        [&] { return start_together(5000, [&] { memory_->barrier(kChannel); }); });
    return figure;
  }

  template <typename Call>
  double start_together(int count, Call&& call) {
    memory_->barrier();
    return 1e9 * seconds_each(count, call);
  }

  static Word& word_at(std::byte* buffer, std::size_t offset) {
    return *reinterpret_cast<Word*>(buffer + offset);
  }

  const int rounds_;
  const Buffer<> buffer_;
  const std::shared_ptr<SymmetricMemory> memory_;
  const int peer_;
  std::byte* const mine_;
  std::byte* const theirs_;
  std::vector<std::byte> source_;
};

void run_rank(int rounds) {
  Context context;
  Memory memory(context, rounds);
  const std::vector<Figure> figures = memory.run();
  if (context.rank() == 0) report(figures);
}

}  // namespace
}  // namespace symmem::bench

int main(int argc, char** argv) {
  using namespace symmem::bench;
  return run_main(
      argc, argv, "bench_memory",
      {.description =
           "benchmark host memory of two ranks on one host and compare it with the floors",
       .run_rank = run_rank,
       .measure =
           [](int rounds) {
             return figures_of(
                 run_ranks(2, {"--as-rank", "--rounds", std::to_string(rounds)}).at(0));
           },
       .title = [] { return "Host memory, two ranks on one host"; }});
}
