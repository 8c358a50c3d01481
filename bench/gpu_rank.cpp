// SPDX-License-Identifier: Apache-2.0
#include "gpu_rank.hpp"

#include "base/check.hpp"

namespace symmem::bench {

void ok(cudaError_t result, std::source_location site) {
  require(result == cudaSuccess, Errc::internal, "CUDA at {}:{}: {}", site.file_name(), site.line(),
          cudaGetErrorString(result));
}

Device device_of(const Context& context) {
  int count = 0;
  ok(cudaGetDeviceCount(&count));
  return {DeviceType::cuda, context.rank() % count};
}

GpuRank::GpuRank(Context& context, std::size_t bytes)
    : device_(device_of(context)),
      buffer_(context.allocate(kData + bytes, device_)),
      memory_(context.rendezvous(buffer_)) {
  require(size() > 1 && size() <= Flags::kMost, Errc::invalid_argument,
          "{} ranks requested; 2 to {} are supported", size(), Flags::kMost);
  ok(cudaSetDevice(device_.index));
  ok(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
  ok(cudaEventCreate(&begin_));
  ok(cudaEventCreate(&end_));
  ok(cudaMalloc(reinterpret_cast<void**>(&local_), bytes));
  ok(cudaMalloc(reinterpret_cast<void**>(&counts_), kRows * sizeof *counts_));
  ok(cudaMemset(local_, 0, bytes));
  ok(cudaMemset(counts_, 0, kRows * sizeof *counts_));
  ok(cudaMemset(buffer_.data(), 0, kData + bytes));
  ok(cudaDeviceSynchronize());
  memory_->barrier();
}

GpuRank::~GpuRank() {
  static_cast<void>(cudaFree(counts_));
  static_cast<void>(cudaFree(local_));
  static_cast<void>(cudaEventDestroy(end_));
  static_cast<void>(cudaEventDestroy(begin_));
  static_cast<void>(cudaStreamDestroy(stream_));
}

std::byte* GpuRank::data_of(int rank) const { return memory_->peer(rank).mapped.data() + kData; }

Flags GpuRank::flags(int row) const {
  static_assert(kRows * Flags::kMost * sizeof(std::uint64_t) <= kWord);
  Flags flags;
  flags.rank = rank();
  flags.size = size();
  for (int of = 0; of < size(); ++of)
    flags.rows[of] = memory_->peer(of).as<std::uint64_t>().data() + row * Flags::kMost;
  flags.count = counts_ + row;
  return flags;
}

void GpuRank::begin() const {
  memory_->barrier();
  ok(cudaEventRecord(begin_, stream_));
}

double GpuRank::end() const {
  ok(cudaEventRecord(end_, stream_));
  wait();
  float milliseconds = 0;
  ok(cudaEventElapsedTime(&milliseconds, begin_, end_));
  return 1e3 * static_cast<double>(milliseconds);
}

void GpuRank::wait() const {
  ok(cudaStreamSynchronize(stream_));
  ok(cudaGetLastError());
}

void GpuRank::close() const {
  memory_->flush();
  memory_->close();
}

void Replay::finish() {
  ok(cudaStreamEndCapture(rank_.stream(), &graph_));
  ok(cudaGraphInstantiate(&replay_, graph_, 0));
  ok(cudaGraphUpload(replay_, rank_.stream()));
}

Replay::~Replay() {
  static_cast<void>(cudaGraphExecDestroy(replay_));
  static_cast<void>(cudaGraphDestroy(graph_));
}

}  // namespace symmem::bench
