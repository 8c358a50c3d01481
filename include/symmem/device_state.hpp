// SPDX-License-Identifier: Apache-2.0
/// Internals of a DeviceView: where kernels find buffers, signal pads and counters. Applications
/// use the members of DeviceView and symmem/device.cuh instead.
#pragma once

#include <cstdint>

namespace symmem::device {

/// Tables of pointers and the counters of one rank. docs/wire.md has the layout of a pad: eight
/// words of header, then for each channel and source rank a count of signals and a count of barrier
/// arrivals. `network_pad`, `network_taken`, `failure` and `gone` point to pinned host memory, all
/// others to GPU memory.
struct PadState {
  /// The top bit of a count, which additions of one never reach: set in the counts of a rank whose
  /// memory has failed.
  static constexpr std::uint64_t kPoison = std::uint64_t{1} << 63;
  /// Groups of up to this many ranks use the inline tables, larger ones the tables in GPU memory.
  static constexpr int kInlinePeers = 16;

  /// By rank: the first byte of its buffer and of its pad; null if no pointer reaches the rank.
  void* inline_buffers[kInlinePeers] = {};
  std::uint64_t* inline_pads[kInlinePeers] = {};
  /// The same tables in GPU memory, for all ranks.
  void* const* buffers = nullptr;
  std::uint64_t* const* pads = nullptr;

  const std::uint64_t* own_pad = nullptr;      ///< Signals of pointer peers arrive here.
  const std::uint64_t* network_pad = nullptr;  ///< Signals of key peers arrive here.
  std::uint64_t* taken = nullptr;  ///< Consumed signals of pointer peers, by channel, then source.
  std::uint64_t* network_taken = nullptr;  ///< The same for key peers.
  std::uint64_t* epochs = nullptr;         ///< Barriers entered, by channel.
  std::uint64_t* failed = nullptr;   ///< Not zero once a wait failed; 2 when `failure` is written.
  std::uint64_t* failure = nullptr;  ///< The first failure, for the host: see Failure.
  const std::uint32_t* gone = nullptr;  ///< By rank: not zero once that rank left or is lost.
};

/// The first failure of a memory, packed in one word: byte 7 the operation, byte 6 the cause, bytes
/// 4 and 5 the channel (0 for packets, which have none), bytes 0 to 3 the rank.
struct Failure {
  enum class Operation : std::uint8_t { none, put_signal, wait_signal, barrier, wait_packet };
  enum class Cause : std::uint8_t { none, timeout, gone, no_pointer, peer_failed, channel_failed };

  Operation operation = Operation::none;
  Cause cause = Cause::none;
  int channel = 0;
  int rank = 0;
};

#ifdef __CUDACC__
namespace internal {

/// Loads an entry of a table of pointers in GPU memory. The table does not change while a kernel
/// runs.
template <typename T>
__device__ T* load_pointer(T* const* table, int rank) {
  return reinterpret_cast<T*>(__ldg(reinterpret_cast<const unsigned long long*>(table + rank)));
}

}  // namespace internal
#endif

}  // namespace symmem::device
