// SPDX-License-Identifier: Apache-2.0
#include "signals/gpu_state.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace symmem {
namespace {

constexpr std::size_t kWord = sizeof(std::uint64_t);

std::size_t count(int channels, int world_size) {
  return static_cast<std::size_t>(channels) * static_cast<std::size_t>(world_size);
}

device::Failure decode(std::uint64_t word) {
  return {static_cast<device::Failure::Operation>(word >> 56),
          static_cast<device::Failure::Cause>(word >> 48 & 0xFF),
          static_cast<int>(word >> 32 & 0xFFFF), static_cast<int>(word & 0xFFFFFFFF)};
}

const char* name(device::Failure::Operation operation) {
  switch (operation) {
    case device::Failure::Operation::put_signal: return "put_signal";
    case device::Failure::Operation::wait_signal: return "wait_signal";
    case device::Failure::Operation::barrier: return "barrier";
    case device::Failure::Operation::wait_packet: return "wait_packet";
    case device::Failure::Operation::none: break;
  }
  return "an operation";
}

std::string text(const device::Failure& failure) {
  const char* const what = name(failure.operation);
  if (failure.operation == device::Failure::Operation::wait_packet) return what;
  return fmt::format("{} on channel {}", what, failure.channel);
}

}  // namespace

std::size_t GpuState::device_bytes(int channels, int world_size) {
  const auto ranks = static_cast<std::size_t>(world_size);
  return SignalPad::bytes(channels, world_size) +
         kWord * (count(channels, world_size) + static_cast<std::size_t>(channels) + 1) +
         2 * ranks * sizeof(void*);
}

std::size_t GpuState::pinned_bytes(int channels, int world_size) {
  return SignalPad::bytes(channels, world_size) + kWord * (count(channels, world_size) + 1) +
         static_cast<std::size_t>(world_size) * sizeof(std::uint32_t);
}

GpuState::GpuState(const Group& group, const Parts& parts) : gpu_(parts.gpu) {
  const int size = group.world_size();
  const std::size_t pad = SignalPad::bytes(parts.channels, size);
  auto* words = reinterpret_cast<std::uint64_t*>(parts.device + pad);
  view_.rank = group.rank();
  view_.world_size = size;
  view_.channels = parts.channels;
  view_.buffer_bytes = parts.buffer_bytes;
  view_.timeout_ns = static_cast<std::uint64_t>(parts.timeout.count());
  view_.state.own_pad = reinterpret_cast<const std::uint64_t*>(parts.device);
  view_.state.network_pad = reinterpret_cast<const std::uint64_t*>(parts.pinned);
  view_.state.taken = words;
  view_.state.epochs = words += count(parts.channels, size);
  view_.state.failed = words += parts.channels;
  void* const tables = ++words;
  view_.state.network_taken = reinterpret_cast<std::uint64_t*>(parts.pinned + pad);
  view_.state.failure = view_.state.network_taken + count(parts.channels, size);
  view_.state.gone = gone_ = reinterpret_cast<std::uint32_t*>(view_.state.failure + 1);

  std::vector<void*> pointers = parts.buffers;
  pointers.insert(pointers.end(), parts.pads.begin(), parts.pads.end());
  gpu_->copy(tables, static_cast<const void*>(pointers.data()), pointers.size() * sizeof(void*));
  view_.state.buffers = static_cast<void* const*>(tables);
  view_.state.pads = reinterpret_cast<std::uint64_t* const*>(view_.state.buffers + size);
  for (int r = 0; r < std::min(size, device::PadState::kInlinePeers); ++r) {
    view_.state.inline_buffers[r] = parts.buffers[static_cast<std::size_t>(r)];
    view_.state.inline_pads[r] =
        static_cast<std::uint64_t*>(parts.pads[static_cast<std::size_t>(r)]);
  }
}

void GpuState::mark_gone(int rank) { std::atomic_ref(gone_[rank]).store(1); }

void GpuState::fail_channel(int channel) noexcept {
  try {
    gpu_->copy(view_.state.epochs + channel, &device::PadState::kPoison,
               sizeof device::PadState::kPoison);
  } catch (const Error&) {  // The GPU has failed: no barrier completes on this GPU.
  }
}

std::vector<int> GpuState::missing(int channel) const {
  std::uint64_t epoch = 0;
  const auto size = static_cast<std::size_t>(view_.world_size);
  std::vector<std::uint64_t> counts(2 * size);
  const std::size_t at = SignalPad::signals_offset(channel, 0, view_.world_size) / kWord;
  const Copy copies[] = {{&epoch, view_.state.epochs + channel, sizeof epoch},
                         {counts.data(), view_.state.own_pad + at, counts.size() * kWord}};
  gpu_->copy(copies);
  std::vector<int> ranks;
  for (int r = 0; r < view_.world_size; ++r) {
    const auto arrivals = 2 * static_cast<std::size_t>(r) + 1;
    const std::uint64_t by_network =
        std::atomic_ref(const_cast<std::uint64_t&>(view_.state.network_pad[at + arrivals])).load();
    if (r == view_.rank) continue;
    if (std::max(counts[arrivals], by_network) < epoch) ranks.push_back(r);
  }
  return ranks;
}

void GpuState::fail_failed(const Group& group, const char* operation) const {
  const device::Failure failure = decode(std::atomic_ref(*view_.state.failure).load());
  const std::string rank = group.describe(failure.rank);
  const std::string what =
      fmt::format("{}: the memory has failed on the GPU: {}", operation, text(failure));
  constexpr const char* kCure = "close the memory and rendezvous again";
  switch (failure.cause) {
    case device::Failure::Cause::gone:
      group.check_waitable({failure.rank}, operation);  // May throw a more precise error.
      fail(Errc::peer_lost, "{}: {} left or is lost; {}", what, rank, kCure);
    case device::Failure::Cause::no_pointer:
      fail(Errc::unsupported,
           "{}: memory of {} is not mapped; use host operations for this rank; {}", what, rank,
           kCure);
    case device::Failure::Cause::peer_failed:
      fail(Errc::peer_lost, "{}: a wait on the GPU of {} failed earlier; {}", what, rank, kCure);
    case device::Failure::Cause::channel_failed:
      fail(Errc::finished,
           "{}: an earlier host barrier on this channel failed, so its ranks may disagree on the "
           "barrier count; {}",
           what, kCure);
    default: fail(Errc::timeout, "{}: {} did not respond in time; {}", what, rank, kCure);
  }
}

}  // namespace symmem
