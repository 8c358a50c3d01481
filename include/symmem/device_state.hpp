// SPDX-License-Identifier: Apache-2.0
/// Internal data of a DeviceView: pointers to buffers, signal pads and counters. Applications use
/// the members of DeviceView and symmem/device.cuh instead.
#pragma once

#include <cstdint>

namespace symmem::device {

/// Pointer tables and counters of one rank. A pointer peer's memory is mapped; a key peer is
/// accessed through a network. docs/wire.md defines the layout of a signal pad: a header of eight
/// 64-bit words, then one signal count and one barrier arrival count for each channel and source
/// rank. `network_pad`, `network_taken`, `failure` and `gone` point to pinned host memory; all
/// other pointers point to GPU memory.
struct PadState {
  /// Top bit of a count; set in the counts of a rank whose SymmetricMemory has failed. Increments
  /// never set this bit.
  static constexpr std::uint64_t kPoison = std::uint64_t{1} << 63;
  /// Largest group that uses the inline tables; larger groups use the tables in GPU memory.
  static constexpr int kInlinePeers = 16;

  /// inline_buffers, inline_pads: start of each rank's buffer and signal pad, by rank; null for key
  /// peers.
  void* inline_buffers[kInlinePeers] = {};
  std::uint64_t* inline_pads[kInlinePeers] = {};
  /// buffers, pads: the same tables in GPU memory, with an entry for every rank.
  void* const* buffers = nullptr;
  std::uint64_t* const* pads = nullptr;

  const std::uint64_t* own_pad = nullptr;      ///< Receives signals from pointer peers.
  const std::uint64_t* network_pad = nullptr;  ///< Receives signals from key peers.
  /// taken, network_taken: number of consumed signals from pointer peers and from key peers, by
  /// channel, then source.
  std::uint64_t* taken = nullptr;
  std::uint64_t* network_taken = nullptr;
  std::uint64_t* epochs = nullptr;   ///< Number of barriers entered, by channel.
  std::uint64_t* failed = nullptr;   ///< Nonzero after a failed wait; 2 once `failure` is written.
  std::uint64_t* failure = nullptr;  ///< The first failure, for the host; packed as Failure.
  const std::uint32_t* gone = nullptr;  ///< By rank: nonzero once the rank has left or is lost.
};

/// The first failure of a SymmetricMemory. Kernels pack it in a 64-bit word: byte 7 contains the
/// operation, byte 6 the cause, bytes 4 and 5 the channel (0 for packets, which have no channel),
/// and bytes 0 to 3 the rank.
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

/// Loads the entry of `rank` from a pointer table in GPU memory. The table does not change while a
/// kernel runs.
template <typename T>
__device__ T* load_pointer(T* const* table, int rank) {
  return reinterpret_cast<T*>(__ldg(reinterpret_cast<const unsigned long long*>(table + rank)));
}

}  // namespace internal
#endif

}  // namespace symmem::device
