// SPDX-License-Identifier: Apache-2.0
// GPU memory between two ranks, on two GPUs or on one: signals and barriers in kernels and on
// streams, copies, rendezvous. Beside each the instructions or the CUDA call that must be there.
// With both ranks on one GPU start the multi-process service, else they take turns.
#include <cuda_runtime_api.h>

#include "base/check.hpp"
#include "gpu_kernels.hpp"
#include "program.hpp"
#include "ranks.hpp"
#include "symmem/symmem.hpp"

namespace symmem::bench {
namespace {

void ok(cudaError_t result, const char* what) {
  require(result == cudaSuccess, Errc::internal, "{}: {}", what, cudaGetErrorString(result));
}
#define SYMMEM_OK(call) ok(call, #call)

/// One rank, its peer, and memory of both for the floors and for us.
class Bench {
 public:
  static constexpr std::size_t kBulk = 128 << 20;
  static constexpr int kRounds = 1000;  ///< In one kernel.
  static constexpr int kNodes = 100;    ///< In one graph.

  explicit Bench(Context& context)
      : context_(context),
        device_(device_of(context)),
        tensor_(
            context.empty_strided_p2p({static_cast<std::int64_t>(kBulk)}, {1}, kUint8, device_)),
        memory_(context.rendezvous(tensor_)) {
    SYMMEM_OK(cudaSetDevice(device_.index));
    SYMMEM_OK(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
    SYMMEM_OK(cudaEventCreate(&begin_));
    SYMMEM_OK(cudaEventCreate(&end_));
    SYMMEM_OK(cudaMalloc(reinterpret_cast<void**>(&local_), kBulk));
    SYMMEM_OK(cudaMemset(local_, 0, kBulk));
    SYMMEM_OK(cudaMemset(tensor_.data(), 0, kBulk));
    flags_ = {word(context.rank(), 0), word(peer(), 0)};
    signals_ = {word(context.rank(), 16), word(peer(), 16)};
    counts_ = reinterpret_cast<std::uint64_t*>(local_);
    memory_->barrier();
  }
  ~Bench() { static_cast<void>(cudaFree(local_)); }

  std::vector<Figure> run(int rounds) {
    std::vector<Figure> figures = {kernel_barrier(rounds), kernel_trip(rounds),
                                   stream_barrier(rounds), stream_trip(rounds),
                                   bulk("put", rounds),    bulk("get", rounds)};
    for (const std::size_t bytes : {std::size_t{8}, std::size_t{64} << 10})
      figures.push_back(put_with_signal(bytes, rounds));
    memory_->flush();  // No wait has failed.
    figures.push_back(rendezvous(rounds));
    memory_->close();
    return figures;
  }

 private:
  static Device device_of(const Context& context) {
    int count = 0;
    SYMMEM_OK(cudaGetDeviceCount(&count));
    return {DeviceType::cuda, context.rank() % count};
  }
  int peer() const { return 1 - context_.rank(); }
  bool first() const { return context_.rank() == 0; }
  std::uint64_t* word(int rank, int at) {
    return static_cast<std::uint64_t*>(memory_->peer(rank).pointer) + at;
  }

  /// Microseconds that what `enqueue` puts into the stream takes, begun by both ranks at once.
  template <typename Enqueue>
  double timed(Enqueue enqueue) {
    memory_->barrier();
    SYMMEM_OK(cudaEventRecord(begin_, stream_));
    enqueue();
    SYMMEM_OK(cudaEventRecord(end_, stream_));
    SYMMEM_OK(cudaStreamSynchronize(stream_));
    SYMMEM_OK(cudaGetLastError());
    float milliseconds = 0;
    SYMMEM_OK(cudaEventElapsedTime(&milliseconds, begin_, end_));
    return 1e3 * static_cast<double>(milliseconds);
  }

  /// A graph of kNodes times what `enqueue` puts into the stream; returns a call that replays it
  /// and gives the microseconds of one of them.
  template <typename Enqueue>
  auto graph_of(Enqueue enqueue) {
    SYMMEM_OK(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal));
    for (int i = 0; i < kNodes; ++i) enqueue();
    cudaGraph_t graph = nullptr;
    SYMMEM_OK(cudaStreamEndCapture(stream_, &graph));
    cudaGraphExec_t replay = nullptr;
    SYMMEM_OK(cudaGraphInstantiate(&replay, graph, 0));
    SYMMEM_OK(cudaGraphUpload(replay, stream_));
    return [this, replay] {
      return timed([&] { SYMMEM_OK(cudaGraphLaunch(replay, stream_)); }) / kNodes;
    };
  }

  Figure figure(const std::string& what, const char* floor, Goal goal) {
    return {what, "us", floor, {}, {}, goal};
  }
  static Goal close_to_floor() { return {Goal::Kind::ratio_at_most, 1.15}; }

  Figure kernel_barrier(int rounds) {
    Figure figure =
        this->figure("barrier, in a kernel", "store release, load acquire", close_to_floor());
    alternate(
        figure, rounds,
        [&] {
          const double us =
              timed([&] { floor_barriers(stream_, flags_, flag_, kRounds); }) / kRounds;
          flag_ += kRounds;
          return us;
        },
        [&] {
          return timed([&] { our_barriers(stream_, memory_->device_view(), kRounds); }) / kRounds;
        });
    return figure;
  }

  Figure kernel_trip(int rounds) {
    Figure figure = this->figure("signal round trip, in a kernel", "store release, load acquire",
                                 close_to_floor());
    alternate(
        figure, rounds,
        [&] {
          const double us =
              timed([&] { floor_trips(stream_, flags_, flag_, kRounds, first()); }) / kRounds;
          flag_ += kRounds;
          return us;
        },
        [&] {
          return timed([&] { our_trips(stream_, memory_->device_view(), kRounds, first()); }) /
                 kRounds;
        });
    return figure;
  }

  Figure stream_barrier(int rounds) {
    Figure figure = this->figure("barrier, in a graph", "bare kernel in a graph", close_to_floor());
    // The floor's flags go on where the kernels left them.
    SYMMEM_OK(cudaMemcpy(counts_, &flag_, sizeof flag_, cudaMemcpyDefault));
    const auto floor = graph_of([&] { floor_barrier(stream_, flags_, counts_); });
    const auto ours = graph_of([&] { memory_->on(stream_).barrier(1); });
    alternate(figure, rounds, floor, ours);
    return figure;
  }

  Figure stream_trip(int rounds) {
    Figure figure = this->figure("put_signal + wait_signal round trip, in a graph",
                                 "bare kernels in a graph", close_to_floor());
    const auto floor = graph_of([&] {
      if (first()) floor_signal(stream_, signals_);
      floor_wait(stream_, signals_, counts_ + 1);
      if (!first()) floor_signal(stream_, signals_);
    });
    const auto ours = graph_of([&] {
      const StreamOperations on = memory_->on(stream_);
      if (first()) on.put_signal(peer(), 1);
      on.wait_signal(peer(), 1);
      if (!first()) on.put_signal(peer(), 1);
    });
    alternate(figure, rounds, floor, ours);
    return figure;
  }

  /// Copies of most of the buffer by the copy engine, of one rank at a time.
  Figure bulk(const std::string& what, int rounds) {
    constexpr std::size_t kAt = 4096, kBytes = kBulk - kAt;
    Figure figure{
        what + " 128 MiB", "GB/s", "cudaMemcpyAsync", {}, {}, {Goal::Kind::ratio_at_least, 0.98}};
    std::byte* const theirs = static_cast<std::byte*>(memory_->peer(peer()).pointer) + kAt;
    const bool put = what == "put";
    const auto rate = [&](auto copy) {
      const double us = timed([&] {
        if (first()) copy();
      });
      return static_cast<double>(kBytes) / us / 1e3;
    };
    alternate(
        figure, rounds,
        [&] {
          return rate([&] {
            SYMMEM_OK(cudaMemcpyAsync(put ? theirs : local_, put ? local_ : theirs, kBytes,
                                      cudaMemcpyDefault, stream_));
          });
        },
        [&] {
          return rate([&] {
            const StreamOperations on = memory_->on(stream_);
            put ? on.put(peer(), kAt, local_, kBytes) : on.get(peer(), kAt, local_, kBytes);
          });
        });
    check_bulk(put, kAt, kBytes);
    return figure;
  }

  /// Rank 0 puts or gets a mark; whoever has it then looks at all of it.
  void check_bulk(bool put, std::size_t at, std::size_t bytes) {
    constexpr unsigned char kMark = 0x5A;
    std::byte* const own = tensor_.data<std::byte>() + at;
    std::byte* const source = put ? local_ : own;
    std::byte* const target = put ? own : local_;
    const bool gives = first() == put;
    SYMMEM_OK(cudaMemsetAsync(gives ? source : target, gives ? kMark : 0, bytes, stream_));
    const StreamOperations on = memory_->on(stream_);
    on.barrier();
    if (first()) put ? on.put(peer(), at, local_, bytes) : on.get(peer(), at, local_, bytes);
    on.barrier();
    std::vector<unsigned char> came(bytes);
    SYMMEM_OK(cudaMemcpyAsync(came.data(), target, bytes, cudaMemcpyDefault, stream_));
    SYMMEM_OK(cudaStreamSynchronize(stream_));
    require(gives || came == std::vector<unsigned char>(bytes, kMark), Errc::internal,
            "{} of {} bytes: the data that came is wrong", put ? "put" : "get", bytes);
    memory_->barrier();
  }

  Figure put_with_signal(std::size_t bytes, int rounds) {
    Figure figure = this->figure(fmt::format("put_with_signal {} B, round trip, in a graph", bytes),
                                 "cudaMemcpyAsync, bare signal", {});
    constexpr std::size_t kAt = 4096;
    std::byte* const theirs = static_cast<std::byte*>(memory_->peer(peer()).pointer) + kAt;
    const auto floor = graph_of([&] {
      const auto send = [&] {
        SYMMEM_OK(cudaMemcpyAsync(theirs, local_ + kAt, bytes, cudaMemcpyDefault, stream_));
        floor_signal(stream_, signals_);
      };
      if (first()) send();
      floor_wait(stream_, signals_, counts_ + 1);
      if (!first()) send();
    });
    const auto ours = graph_of([&] {
      const StreamOperations on = memory_->on(stream_);
      if (first()) on.put_with_signal(peer(), kAt, local_ + kAt, bytes, 2);
      on.wait_signal(peer(), 2);
      if (!first()) on.put_with_signal(peer(), kAt, local_ + kAt, bytes, 2);
    });
    alternate(figure, rounds, floor, ours);
    check_data(bytes);
    return figure;
  }

  /// A pattern put with a signal is what the peer finds.
  void check_data(std::size_t bytes) {
    constexpr std::size_t kAt = 4096;
    SYMMEM_OK(cudaMemset(local_ + kAt, 17 + context_.rank(), bytes));
    memory_->on(stream_).put_with_signal(peer(), kAt, local_ + kAt, bytes, 2);
    memory_->on(stream_).wait_signal(peer(), 2);
    std::vector<unsigned char> came(bytes);
    SYMMEM_OK(cudaMemcpyAsync(came.data(), tensor_.data<std::byte>() + kAt, bytes,
                              cudaMemcpyDefault, stream_));
    SYMMEM_OK(cudaStreamSynchronize(stream_));
    require(came == std::vector<unsigned char>(bytes, static_cast<unsigned char>(17 + peer())),
            Errc::internal, "put_with_signal: the data that came is wrong");
    memory_->barrier();
  }

  Figure rendezvous(int rounds) {
    Figure figure{"alloc + rendezvous 4 KiB", "ms", "", {}, {}, {Goal::Kind::at_most, 1}};
    for (int i = -2; i < rounds; ++i) {
      memory_->barrier();
      Tensor tensor;
      std::shared_ptr<SymmetricMemory> memory;
      const double ms = 1e3 * seconds_each(1, [&] {
                          tensor = context_.empty_strided_p2p({4096}, {1}, kUint8, device_);
                          memory = context_.rendezvous(tensor);
                        });
      if (i >= 0) figure.ours.push_back(ms);
      memory->close();
    }
    return figure;
  }

  Context& context_;
  const Device device_;
  const Tensor tensor_;
  const std::shared_ptr<SymmetricMemory> memory_;
  cudaStream_t stream_ = nullptr;
  cudaEvent_t begin_ = nullptr, end_ = nullptr;
  std::byte* local_ = nullptr;
  std::uint64_t* counts_ = nullptr;  ///< Of the floors, in GPU memory.
  Flags flags_, signals_;
  std::uint64_t flag_ = 0;
};

void run_rank(int rounds) {
  Context context;
  const std::vector<Figure> figures = Bench(context).run(rounds);
  if (context.rank() == 0) tell(figures);
}

std::vector<Figure> measure(int rounds) {
  return figures_of(run_ranks(2, {"--as-rank", "--rounds", std::to_string(rounds)}).at(0));
}

std::string title() {
  int count = 0;
  SYMMEM_OK(cudaGetDeviceCount(&count));
  cudaDeviceProp properties{};
  SYMMEM_OK(cudaGetDeviceProperties(&properties, 0));
  return fmt::format("Two ranks on {} x {}", std::min(count, 2), properties.name);
}

}  // namespace
}  // namespace symmem::bench

int main(int argc, char** argv) {
  using namespace symmem::bench;
  return run_main(argc, argv, "bench_gpu",
                  {.description = "GPU memory between two ranks of one host",
                   .be_rank = run_rank,
                   .measure = measure,
                   .title = title});
}
