// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/check.hpp"
#include "gpu_parts.hpp"

namespace symmem::bench {
namespace {

constexpr std::size_t kFloats = Parts::kMostFloats;
constexpr std::size_t kLargest = kFloats * sizeof(float);

/// Measures an all-reduce kernel of docs/examples and the floor kernel. Each kernel uses separate
/// memory.
class AllReduce {
 public:
  AllReduce(Context& context, const GpuRank& rank, By by)
      : rank_(rank), by_(by), ours_(context, rank), bare_(context, rank) {
    ok(cudaMalloc(reinterpret_cast<void**>(&input_), kLargest));
    ok(cudaMalloc(reinterpret_cast<void**>(&result_), kLargest));
    std::vector<float> mine(kFloats);
    for (std::size_t i = 0; i < kFloats; ++i)
      mine[i] = static_cast<float>(i % 100 + static_cast<std::size_t>(rank.rank()));
    ok(cudaMemcpy(input_, mine.data(), kLargest, cudaMemcpyDefault));
    ok(cudaDeviceSynchronize());
    for (int of = 0; of < rank.size(); ++of)
      parts_.buffers[of] = bare_.memory->peer(of).mapped.data();
    parts_.rounds =
        reinterpret_cast<std::uint64_t*>(bare_.buffer.data() + Parts::rounds_offset(rank.size()));
    parts_.flags = rank.flags(kBlocks);
    ours_.memory->barrier();
  }
  ~AllReduce() {
    static_cast<void>(cudaFree(result_));
    static_cast<void>(cudaFree(input_));
  }
  AllReduce(const AllReduce&) = delete;
  AllReduce& operator=(const AllReduce&) = delete;

  void measure(std::vector<Figure>& figures, std::size_t bytes, int rounds) const {
    const bool packets = by_ == By::packets;
    const std::string what = fmt::format("one-shot all-reduce {} KiB by {}", bytes >> 10,
                                         packets ? "packets" : "a barrier");
    const DeviceView view = ours_.memory->device_view();
    const Grid grid(bytes, by_, rank_.size(), view.channels);
    const cudaStream_t stream = rank_.stream();
    const Replay floor(
        rank_, [&] { floor_all_reduce(stream, grid, by_, parts_, input_, result_, bytes); });
    const Replay ours(rank_,
                      [&] { our_all_reduce(stream, grid, by_, view, input_, result_, bytes); });
    Figure figure =
        in_us(what, packets ? "bare packets, in a graph" : "bare flags, in a graph", kCloseToFloor);
    alternate(figure, rounds, floor, ours);
    check(floor, bytes, "floor of " + what);
    check(ours, bytes, what);
    figures.push_back(std::move(figure));
  }

  void close() const {
    ours_.memory->flush();
    ours_.memory->close();
    bare_.memory->close();
  }

 private:
  /// A symmetric buffer, zeroed because the first round has number 1.
  struct Shared {
    Shared(Context& context, const GpuRank& rank)
        : buffer(context.allocate(Parts::bytes(rank.size()), rank.device())) {
      ok(cudaMemset(buffer.data(), 0, buffer.size()));
      ok(cudaDeviceSynchronize());
      memory = context.rendezvous(buffer);
    }
    Buffer<> buffer;
    std::shared_ptr<SymmetricMemory> memory;
  };

  void check(const Replay& graph, std::size_t bytes, const std::string& what) const {
    ok(cudaMemsetAsync(result_, 0, bytes, rank_.stream()));
    static_cast<void>(graph());
    std::vector<float> sums(bytes / sizeof(float));
    ok(cudaMemcpy(sums.data(), result_, bytes, cudaMemcpyDefault));
    const auto size = static_cast<std::size_t>(rank_.size());
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < sums.size(); ++i)
      if (sums[i] != static_cast<float>(size * (i % 100) + size * (size - 1) / 2)) ++wrong;
    require(wrong == 0, Errc::internal, "{}: {} of {} sums are wrong", what, wrong, sums.size());
  }

  const GpuRank& rank_;
  const By by_;
  const Shared ours_, bare_;
  float *input_ = nullptr, *result_ = nullptr;
  Parts parts_;
};

}  // namespace

std::vector<Figure> all_reduces(Context& context, const GpuRank& rank, int rounds) {
  std::vector<Figure> figures;
  const AllReduce small(context, rank, By::packets);
  for (const int kib : {1, 4, 16, 64, 256, 1024})
    small.measure(figures, static_cast<std::size_t>(kib) << 10, rounds);
  small.close();
  const AllReduce large(context, rank, By::barrier);
  for (const int kib : {256, 1024})
    large.measure(figures, static_cast<std::size_t>(kib) << 10, rounds);
  large.close();
  return figures;
}

}  // namespace symmem::bench
