// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace symmem {

/// A SymmetricMemory on GPU memory as a kernel sees it: plain data, passed by value, made by
/// SymmetricMemory::device_view and valid until close. symmem/device.cuh has the functions that
/// take it; a kernel that only loads and stores needs nothing but the buffers.
///
/// Pads are those of docs/wire.md: eight words of header, then for each channel and source rank a
/// count of signals and one of barrier arrivals. All pointers are to GPU memory but those to
/// `network_pad`, `network_taken`, `failure` and `gone`: to host memory that the GPU reaches.
struct DeviceView {
  /// The top bit of a count, which adding ones never reaches: what it counts has failed.
  static constexpr std::uint64_t kPoison = std::uint64_t{1} << 63;
  /// Groups of up to this many ranks have their pointers here, larger ones in GPU memory.
  static constexpr int kInlinePeers = 16;

  int rank = 0;
  int world_size = 1;
  int channels = 0;
  std::uint64_t buffer_bytes = 0;
  std::uint64_t timeout_ns = 0;  ///< SYMMEM_TIMEOUT, for waits that are given none.

  /// By rank: first byte of its buffer and of its pad, null where no pointer reaches.
  void* inline_buffers[kInlinePeers] = {};
  std::uint64_t* inline_pads[kInlinePeers] = {};
  /// The same tables in GPU memory, of all ranks.
  void* const* buffers = nullptr;
  std::uint64_t* const* pads = nullptr;

  /// Where signals for this rank arrive: from peers with a pointer, and by network.
  const std::uint64_t* own_pad = nullptr;
  const std::uint64_t* network_pad = nullptr;
  /// What this rank consumed: signals by channel, then source, of those that came by pointer and
  /// by network; barriers by channel.
  std::uint64_t* taken = nullptr;
  std::uint64_t* network_taken = nullptr;
  std::uint64_t* epochs = nullptr;
  /// Not zero once a wait fails; 2 when `failure` says which.
  std::uint64_t* failed = nullptr;
  /// The first failure, for the host: see Failure.
  std::uint64_t* failure = nullptr;
  /// By rank: not zero once that rank left or is lost.
  const std::uint32_t* gone = nullptr;
};

/// What made the memory of a DeviceView fail, in one word: byte 7 the operation, byte 6 the cause,
/// bytes 4 and 5 the channel (0 of packets, which have none), bytes 0 to 3 the rank.
struct Failure {
  enum class Operation : std::uint8_t { none, put_signal, wait_signal, barrier, wait_packet };
  enum class Cause : std::uint8_t { none, timeout, gone, no_pointer, peer_failed, channel_failed };

  Operation operation = Operation::none;
  Cause cause = Cause::none;
  int channel = 0;
  int rank = 0;
};

}  // namespace symmem
