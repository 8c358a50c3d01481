// SPDX-License-Identifier: Apache-2.0
// Benchmarks of GPU memory on two hosts over UCX. The floor (baseline) is the same loop on raw UCP
// with a target that polls.
#include <fmt/format.h>

#include <atomic>

#include "base/check.hpp"
#include "gpu_parts.hpp"
#include "raw_ucp.hpp"

namespace symmem::bench {
namespace {

constexpr std::size_t kSmall = 8, kLarge = 1 << 20;
constexpr std::size_t kCounter = kLarge;  ///< Offset of the word for fetch_add.

class AcrossHosts {
 public:
  AcrossHosts(Context& context, int rounds, bool raw_on_gpu)
      : context_(context),
        rounds_(rounds),
        first_(context.rank() == 0),
        staged_(context.options().transports.at(0) == "ucx_staged"),
        buffer_(context.allocate(kLarge + 64, device_of(context))),
        memory_(context.rendezvous(buffer_)),
        raw_buffer_(context.allocate(kLarge, raw_on_gpu ? device_of(context) : Device{})),
        floor_is_(raw_on_gpu ? "raw UCP" : "raw UCP, host memory") {
    require(memory_->world_size() == 2, Errc::invalid_argument, "two ranks are needed");
    ok(cudaSetDevice(device_of(context).index));
    ok(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
    ok(cudaMalloc(&gpu_, 2 * kLarge));
    ok(cudaMallocHost(&host_, kLarge));
    ok(cudaMemset(buffer_.data(), 0, kLarge + 64));
    ok(cudaDeviceSynchronize());
    raw_ = std::make_unique<RawUcp>(context.options().ucx_library, *context.store(), context.rank(),
                                    RawUcp::Buffer{raw_buffer_.data(), kLarge, raw_on_gpu});
    raw_->arrive = [this](const void* data, std::size_t bytes) {
      if (staged_) copy(landing(), data, bytes);
    };
    raw_takes_gpu_ = raw_on_gpu;
  }
  ~AcrossHosts() {
    raw_.reset();  // Destroyed before the memory that it uses is freed.
    static_cast<void>(cudaFreeHost(host_));
    static_cast<void>(cudaFree(gpu_));
    static_cast<void>(cudaStreamDestroy(stream_));
  }
  AcrossHosts(const AcrossHosts&) = delete;
  AcrossHosts& operator=(const AcrossHosts&) = delete;

  std::vector<Figure> run() {
    std::vector<Figure> figures;
    for (const bool on_gpu : {true, false})
      for (const std::size_t bytes : {kSmall, kLarge}) {
        const Local local{on_gpu ? gpu_ : host_, raw_takes_gpu_ && on_gpu ? gpu_ : host_,
                          on_gpu ? "GPU" : "host", bytes};
        figures.push_back(put(local));
        figures.push_back(get(local));
        figures.push_back(trips(local));
      }
    figures.push_back(fetch_add());
    barrier();
    memory_->close();
    return figures;
  }

 private:
  /// The local buffer of a put or get. `raw` is host memory if UCX does not support GPU memory.
  struct Local {
    void* ours;
    void* raw;
    const char* where;
    std::size_t bytes;
    std::span<std::byte> span() const { return {static_cast<std::byte*>(ours), bytes}; }
  };

  int peer() const { return first_ ? 1 : 0; }
  /// Synchronises the ranks through the store; does not use the GPU, which the ranks may share.
  void barrier() const { context_.store()->barrier("bench", 2); }

  std::string name(const char* what, const Local& local, const char* direction) const {
    return fmt::format("{}: {} {}, {} {}", staged_ ? "ucx_staged" : "ucx", what,
                       local.bytes == kSmall ? "8 B" : "1 MiB", direction, local.where);
  }
  Figure figure_of(std::string what, std::size_t bytes) const {
    if (bytes == kSmall) return in_us(std::move(what), floor_is_, kCloseToFloor);
    return {std::move(what), "GB/s", floor_is_, {}, {}, {Goal::Kind::ratio_at_least, 0.95}};
  }

  /// Runs `floor` and `ours` alternately on rank 0. Each call makes `count` transfers of `bytes`.
  template <typename Floor, typename Ours>
  void measure(Figure& figure, std::size_t bytes, int count, Floor floor, Ours ours) {
    const auto timed = [&](auto call) {
      const double seconds = seconds_each(1, call) / count;
      return figure.unit == "us" ? 1e6 * seconds : 1e-9 * static_cast<double>(bytes) / seconds;
    };
    alternate(
        figure, rounds_,
        [&] {
          barrier();
          if (!first_) {
            raw_->serve();
            return 0.0;
          }
          const double value = timed(floor);
          raw_->stop_serving();
          return value;
        },
        [&] {
          barrier();
          const double value = first_ ? timed(ours) : 0.0;
          barrier();
          return value;
        });
  }

  /// Measures puts. Flushes after each small put, and once after all large puts.
  Figure put(const Local& local) {
    Figure figure = figure_of(name("put", local, "from") + ", flush", local.bytes);
    const bool small = local.bytes == kSmall;
    const int count = small ? 100 : 16;
    fill_local(local, ++mark_);
    measure(
        figure, local.bytes, count,
        [&] {
          if (!small) return raw_->put_many(local.raw, local.bytes, count);
          for (int i = 0; i < count; ++i) raw_->put(0, local.raw, local.bytes);
        },
        [&] {
          for (int i = 0; i < count; ++i) {
            memory_->put(1, 0, local.span());
            if (small) memory_->flush(1);
          }
          memory_->flush(1);
        });
    if (!first_) {
      check(raw_buffer_.data(), mark_, local.bytes, "floor of " + figure.what);
      check(buffer_.data(), mark_, local.bytes, figure.what);
    }
    return figure;
  }

  Figure get(const Local& local) {
    Figure figure = figure_of(name("get", local, "to"), local.bytes);
    const int count = local.bytes == kSmall ? 100 : 16;
    fill(buffer_.data(), ++mark_, local.bytes);
    fill(raw_buffer_.data(), mark_, local.bytes);
    measure(
        figure, local.bytes, count,
        [&] {
          for (int i = 0; i < count; ++i) raw_->get(0, local.raw, local.bytes);
        },
        [&] {
          for (int i = 0; i < count; ++i) memory_->get(1, 0, local.span());
        });
    if (first_) {
      fill(local.ours, 0, local.bytes);
      memory_->get(1, 0, local.span());
      check(local.ours, mark_, local.bytes, figure.what);
    }
    return figure;
  }

  /// Measures round trips of put_with_signal: rank 0 sends first, rank 1 replies.
  Figure trips(const Local& local) {
    Figure figure =
        in_us(name("put_with_signal", local, "from") + ", round trip",
              staged_ ? "raw UCP message, copied" : floor_is_ + " put, message", kCloseToFloor);
    const int count = local.bytes == kSmall ? 100 : 10;
    mark_ += 2;
    fill_local(local, mark_ + context_.rank());
    const auto sample = [&](auto call) {
      barrier();
      return 1e6 * seconds_each(count, call);
    };
    alternate(
        figure, rounds_,
        [&] {
          return sample([&] {
            if (staged_)
              raw_->trip(local.raw, local.bytes);
            else
              raw_->trip_by_put(0, local.raw, local.bytes);
          });
        },
        [&] {
          return sample([&] {
            if (first_) memory_->put_with_signal(peer(), 0, local.span(), 1);
            memory_->wait_signal(peer(), 1);
            if (!first_) memory_->put_with_signal(peer(), 0, local.span(), 1);
          });
        });
    barrier();
    memory_->flush(peer());
    barrier();
    check(staged_ ? landing() : raw_buffer_.data(), mark_ + peer(), local.bytes,
          "floor of " + figure.what);
    check(buffer_.data(), mark_ + peer(), local.bytes, figure.what);
    ++mark_;
    return figure;
  }

  /// Measures fetch_add. The floor is a message, a kernel that reports to the host, and a reply.
  Figure fetch_add() {
    constexpr int kCount = 100;
    Figure figure = in_us(fmt::format("{}: fetch_add 8 B", staged_ ? "ucx_staged" : "ucx"),
                          "raw UCP messages, a kernel", kCloseToFloor);
    auto* const word = static_cast<std::uint64_t*>(gpu_);
    auto* const report = static_cast<std::uint64_t*>(host_);
    fill(word, 0, sizeof *word);
    raw_->arrive = [&](const void*, std::size_t) {
      if (first_) return;  // Rank 0 has received the reply.
      std::atomic_ref(*report).store(0);
      floor_atomic(stream_, word, report);
      while (std::atomic_ref(*report).load() == 0) {
      }
    };
    alternate(
        figure, rounds_,
        [&] {
          barrier();
          return 1e6 * seconds_each(kCount, [&] { raw_->trip(); });
        },
        [&] {
          barrier();
          const double us =
              first_ ? 1e6 * seconds_each(
                                 kCount, [&] { memory_->fetch_add(1, kCounter, std::uint64_t{1}); })
                     : 0.0;
          barrier();
          return us;
        });
    raw_->arrive = nullptr;
    std::uint64_t found = 0, found_of_floor = 0;
    copy(&found, buffer_.data() + kCounter, sizeof found);
    copy(&found_of_floor, word, sizeof found_of_floor);
    const auto wanted = static_cast<std::uint64_t>(kCount) * (static_cast<unsigned>(rounds_) + 1);
    require(first_ || (found == wanted && found_of_floor == wanted), Errc::internal,
            "symmem made {} of {} increments, the floor {}", found, wanted, found_of_floor);
    return figure;
  }

  /// Returns the GPU memory to which the payload of raw messages is copied.
  std::byte* landing() const { return static_cast<std::byte*>(gpu_) + kLarge; }
  /// Copies between any two kinds of memory and waits for the copy.
  void copy(void* to, const void* from, std::size_t bytes) const {
    ok(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream_));
    ok(cudaStreamSynchronize(stream_));
  }
  void fill(void* memory, int mark, std::size_t bytes) const {
    const std::vector<unsigned char> values(bytes, static_cast<unsigned char>(mark));
    copy(memory, values.data(), bytes);
  }
  void fill_local(const Local& local, int mark) const {
    fill(local.ours, mark, local.bytes);
    fill(local.raw, mark, local.bytes);
  }
  void check(const void* memory, int mark, std::size_t bytes, const std::string& what) const {
    std::vector<unsigned char> received(bytes);
    copy(received.data(), memory, bytes);
    require(received == std::vector<unsigned char>(bytes, static_cast<unsigned char>(mark)),
            Errc::internal, "{}: the received data is wrong", what);
  }

  Context& context_;
  const int rounds_;
  const bool first_, staged_;
  const Buffer<> buffer_;
  const std::shared_ptr<SymmetricMemory> memory_;
  const Buffer<> raw_buffer_;  ///< Memory of the floor; not part of a rendezvous.
  const std::string floor_is_;
  std::unique_ptr<RawUcp> raw_;
  bool raw_takes_gpu_ = false;
  cudaStream_t stream_ = nullptr;
  void* gpu_ = nullptr;   ///< Local buffer of kLarge bytes, then landing().
  void* host_ = nullptr;  ///< Local buffer of kLarge bytes in pinned host memory.
  int mark_ = 0;          ///< Last byte value used to fill buffers.
};

}  // namespace

std::vector<Figure> across_hosts(Context& context, int rounds) {
  const auto& library = context.options().ucx_library;
  const auto& transport = context.options().transports.at(0);
  std::string why = fmt::format("UCX ({}) has no CUDA support or finds no CUDA driver", library);
  try {
    const bool knows_cuda = RawUcp::knows_cuda(library);
    if (knows_cuda || transport == "ucx_staged")
      return AcrossHosts(context, rounds, knows_cuda).run();
  } catch (const Error& e) {
    if (e.code() != Errc::unsupported) throw;
    why = e.what();
  }
  if (context.rank() == 0)
    fmt::print(stderr, "GPU memory across hosts by {}: skipped: {}\n", transport, why);
  return {};
}

}  // namespace symmem::bench
