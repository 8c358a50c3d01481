// SPDX-License-Identifier: Apache-2.0
/// Packets: small data that needs no separate signal. A packet contains 8 bytes of data and an
/// epoch. The sender writes both in one 16-byte access, so the receiver detects the data by the
/// epoch.
///
/// Use packets for messages of up to several hundred KiB: packets need twice the memory and
/// bandwidth of the data but save the latency of a separate signal.
/// docs/examples/one_shot_all_reduce.cuh is a complete example.
///
///   const symmem::device::Packets packets(view, peer);
///   packets.put(index, data, epoch);                   // to the peer's buffer
///   std::uint64_t received = 0;
///   if (!packets.wait(index, epoch, received)) return; // failed
///
/// Packet `index` occupies bytes 16 `index` to 16 `index` + 15 of a buffer. The program chooses the
/// epochs. Epoch 0 is invalid, because zeroed memory contains it. An epoch must not be used twice
/// for the same packet. Zero the buffers on all ranks, then call a barrier, before the first epoch
/// and whenever epochs restart.
///
/// Double buffering: use two sets of packets alternately. If each thread reads its packets of set A
/// before it sends packets of set B, a received packet of set B proves that the sending thread has
/// consumed its packets of set A.
///
/// Packets are not ordered with other accesses; other data needs a signal or a barrier. After the
/// SymmetricMemory has failed (symmem/device.cuh), put() still writes, and wait() still returns a
/// packet that has arrived. A kernel that begins with put() must therefore return if
/// has_failed(view) is true: peers may still read the set that the kernel would overwrite.
#pragma once

#include "symmem/device_waits.cuh"

#ifdef __CUDACC__

namespace symmem::device {

/// A packet in a buffer. The LL protocols of NCCL and MSCCL++ also store data and a flag in one
/// access.
struct alignas(16) Packet {
  std::uint64_t data;
  std::uint64_t epoch;
};

namespace internal {

// The PTX memory model guarantees that a `.b128` access is a single access. There is no "memory"
// clobber: the compiler may move non-volatile accesses across these statements.
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

/// Packets to and from one peer or this rank itself. Each thread calls put and wait separately;
/// consecutive threads should use consecutive packets. Refers to the view, which must outlive the
/// object.
class Packets {
 public:
  Packets(const DeviceView&& view, int peer) = delete;
  __device__ Packets(const DeviceView& view, int peer)
      : view_(view),
        peer_(peer),
        remote_(view.buffer<Packet>(peer)),
        local_(view.buffer<const Packet>(view.rank)) {}

  /// Writes packet `index` in the peer's buffer. Does not block. Has no effect if the peer's buffer
  /// is not mapped; wait() then fails at once.
  __device__ void put(std::uint64_t index, std::uint64_t data, std::uint64_t epoch) const {
    if (remote_ != nullptr) internal::store_packet(remote_ + index, {data, epoch});
  }

  /// Waits until the peer has written packet `index` with `epoch` in this rank's buffer, then sets
  /// `data`. Returns false on failure, as wait_signal does (symmem/device.cuh). Returns true for a
  /// packet that has arrived, even if the SymmetricMemory has failed.
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
