// SPDX-License-Identifier: Apache-2.0
/// Packets: small data that need no signal. A packet is 8 bytes of data and an epoch, written in
/// one 16-byte access, so nothing must be ordered before a signal.
///
/// Use them for messages of up to some hundred KiB: they take twice the memory and bandwidth of the
/// data, but save one latency. docs/examples/one_shot_all_reduce.cuh is a complete use.
///
///   const symmem::device::Packets packets(view, peer);
///   packets.put(index, data, epoch);                   // writes packet `index` at the peer
///   std::uint64_t received = 0;
///   if (!packets.wait(index, epoch, received)) return; // the packet that the peer wrote here
///
/// Packet `index` is bytes 16 `index` to 16 `index` + 15 of a buffer. Epochs are the program's; 0
/// is invalid, since zeroed memory holds it. An epoch must not be used twice for the same packet.
/// So zero the buffers on all ranks, then call a barrier, before the first epoch and whenever
/// epochs restart.
///
/// Double-buffer: use two sets of packets alternately. Receiving a peer's packet in set B proves
/// that the peer has consumed set A, if the thread that sends it has read its packets of A before.
///
/// Packets are not ordered with other accesses: other data need a signal or a barrier. A failed
/// memory (symmem/device.cuh) does not stop packets: put() still writes, and wait() returns a
/// packet that has arrived. So a kernel that begins with put() first returns if has_failed(view):
/// peers may still read the set that it would overwrite.
#pragma once

#include "symmem/device_waits.cuh"

#ifdef __CUDACC__

namespace symmem::device {

/// The layout is that of the LL protocols of NCCL and MSCCL++.
struct alignas(16) Packet {
  std::uint64_t data;
  std::uint64_t epoch;
};

namespace internal {

// The PTX memory model guarantees that a `.b128` access is a single access. No "memory" clobber:
// the compiler may move all but volatile accesses across these.
__device__ inline void store_packet(Packet* to, Packet packet) {
  asm volatile(
      "{\n\t.reg .b128 both;\n\tmov.b128 both, {%1, %2};\n\t"
      "st.relaxed.sys.global.b128 [%0], both;\n\t}" ::"l"(to),
      "l"(packet.data), "l"(packet.epoch));
}
__device__ inline Packet load_packet(const Packet* from) {
  Packet packet;
  asm volatile(
      "{\n\t.reg .b128 both;\n\tld.relaxed.sys.global.b128 both, [%2];\n\t"
      "mov.b128 {%0, %1}, both;\n\t}"
      : "=l"(packet.data), "=l"(packet.epoch)
      : "l"(from));
  return packet;
}

}  // namespace internal

/// Packets to and from one peer, or this rank itself. Each call is of one thread; consecutive
/// threads should use consecutive packets. Refers to the view, which must outlive it.
class Packets {
 public:
  Packets(const DeviceView&& view, int peer) = delete;
  __device__ Packets(const DeviceView& view, int peer)
      : view_(view),
        peer_(peer),
        remote_(view.buffer<Packet>(peer)),
        local_(view.buffer<const Packet>(view.rank)) {}

  /// Writes packet `index` of the peer's buffer. Does not block. Does nothing for a peer without a
  /// pointer, whose wait() fails at once.
  __device__ void put(std::uint64_t index, std::uint64_t data, std::uint64_t epoch) const {
    if (remote_ != nullptr) internal::store_packet(remote_ + index, {data, epoch});
  }

  /// Waits until packet `index` of this rank's buffer, which the peer writes, has `epoch`; then
  /// sets `data`. Fails as a wait for a signal does (symmem/device.cuh), but returns a packet that
  /// has arrived even if the memory has failed.
  __device__ bool wait(std::uint64_t index, std::uint64_t epoch, std::uint64_t& data,
                       std::uint64_t timeout_ns) const {
    const Packet* const from = local_ + index;
    const auto poll = [&, from, epoch] {
      return internal::poll_briefly([&, from, epoch] {
        const Packet packet = internal::load_packet(from);
        if (packet.epoch != epoch) return false;
        data = packet.data;
        return true;
      });
    };
    return poll() || wait_slowly(poll, timeout_ns);
  }
  __device__ bool wait(std::uint64_t index, std::uint64_t epoch, std::uint64_t& data) const {
    return wait(index, epoch, data, view_.timeout_ns);
  }

 private:
  template <typename Poll>
  __device__ bool wait_slowly(Poll poll, std::uint64_t timeout_ns) const {
    internal::WaitResult result = internal::WaitResult::no_pointer;
    std::uint64_t start_ns = 0;
    if (internal::pad(view_, peer_) != nullptr)
      result = internal::wait_for(view_, poll,
                                  internal::incoming(view_, 0, peer_, internal::Count::signals),
                                  false, peer_, timeout_ns, start_ns);
    return internal::end_wait(view_, result, Failure::Operation::wait_packet, 0, peer_);
  }

  const DeviceView& view_;
  const int peer_;
  Packet* const remote_;
  const Packet* const local_;
};

}  // namespace symmem::device

#endif  // __CUDACC__
