// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/check.hpp"
#include "gpu_parts.hpp"

namespace symmem::bench {
namespace {

constexpr std::size_t kLargest = 1 << 20;
constexpr std::size_t kFloats = kLargest / sizeof(float);

/// The kernel of docs/examples on memory of its own, beside the same loop with bare flags.
class AllReduce {
 public:
  AllReduce(Context& context, const GpuRank& rank)
      : rank_(rank),
        input_(context.empty_strided_p2p({kFloats}, {1}, kFloat32, rank.device())),
        memory_(context.rendezvous(input_)) {
    ok(cudaMalloc(reinterpret_cast<void**>(&result_), kLargest));
    std::vector<float> mine(kFloats);
    for (std::size_t i = 0; i < kFloats; ++i)
      mine[i] = static_cast<float>(i % 100 + static_cast<std::size_t>(rank.rank()));
    ok(cudaMemcpy(input_.data(), mine.data(), kLargest, cudaMemcpyDefault));
    ok(cudaDeviceSynchronize());
    parts_.flags = rank.flags(kBlocks);
    for (int of = 0; of < rank.size(); ++of)
      parts_.of[of] = static_cast<const float*>(memory_->peer(of).pointer);
    memory_->barrier();
  }
  ~AllReduce() { static_cast<void>(cudaFree(result_)); }
  AllReduce(const AllReduce&) = delete;
  AllReduce& operator=(const AllReduce&) = delete;

  void measure(std::vector<Figure>& figures, std::size_t bytes, int rounds) const {
    const std::string what = fmt::format("one-shot all-reduce {} KiB", bytes >> 10);
    const Grid grid(bytes);
    const DeviceView view = memory_->device_view();
    const cudaStream_t stream = rank_.stream();
    const Replay loads(rank_,
                       [&] { floor_all_reduce(stream, grid, parts_, result_, bytes, false); });
    const Replay floor(rank_,
                       [&] { floor_all_reduce(stream, grid, parts_, result_, bytes, true); });
    const Replay ours(rank_, [&] { our_all_reduce(stream, grid, view, result_, bytes); });
    Figure bare = in_us(what + ", loads alone", "no flags, in a graph");
    floor_alone(bare, rounds, loads);
    check(loads, bytes, bare.what);
    Figure figure = in_us(what, "bare flags, in a graph", kCloseToFloor);
    alternate(figure, rounds, floor, ours);
    check(floor, bytes, "floor of " + what);
    check(ours, bytes, what);
    figures.push_back(std::move(bare));
    figures.push_back(std::move(figure));
  }

  void close() const {
    memory_->flush();
    memory_->close();
  }

 private:
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
  const Tensor input_;
  const std::shared_ptr<SymmetricMemory> memory_;
  float* result_ = nullptr;
  Parts parts_;
};

}  // namespace

std::vector<Figure> all_reduces(Context& context, const GpuRank& rank, int rounds) {
  std::vector<Figure> figures;
  const AllReduce all_reduce(context, rank);
  for (const int kib : {1, 4, 16, 64, 256, 1024})
    all_reduce.measure(figures, static_cast<std::size_t>(kib) << 10, rounds);
  all_reduce.close();
  return figures;
}

}  // namespace symmem::bench
