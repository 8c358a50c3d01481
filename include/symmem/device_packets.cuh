// SPDX-License-Identifier: Apache-2.0
/// Packets: small data that need no signal. What makes a short message slow is to order its data
/// before its signal; a packet has both in one access of 16 bytes, and takes twice the room and the
/// bandwidth of its data. So it pays up to some hundred KiB. The layout is that of the LL protocols
/// of NCCL and MSCCL++; that such an access is one is the PTX memory model's word for `.b128`.
///
/// Packet `at` of a rank's buffer is its bytes 16 `at` to 16 `at` + 15. Epochs are the program's,
/// but for 0, which zeroed memory carries. The packet is there once it carries the epoch that is
/// waited for, so no epoch comes twice at one place: whenever epochs begin anew, as in memory that
/// others had before, it is zeroed first, on all ranks, with a barrier behind. A place is written
/// again only when its owner has read it: with two sets of places, used in turn, it has when its
/// packet of the other set has come, if the thread that sends that has read first.
/// docs/examples/one_shot_all_reduce.cuh shows it.
///
/// Packets order nothing but themselves, nor are ordered: other data, before or after, need signals
/// or barriers. Nor does a failure hold them up, as it does signals: a packet that has come is
/// found, and one is put. So a kernel that puts first asks has_failed(view), lest it write at
/// places that others still read.
#pragma once

#include "symmem/device_words.cuh"

#ifdef __CUDACC__

namespace symmem::device {

struct alignas(16) Packet {
  std::uint64_t data;
  std::uint64_t epoch;
};

// Without a clobber of memory: the compiler may move what it likes across them but the like.
__device__ inline void store_packet(Packet* at, Packet packet) {
  asm volatile(
      "{\n\t.reg .b128 both;\n\tmov.b128 both, {%1, %2};\n\t"
      "st.relaxed.sys.global.b128 [%0], both;\n\t}" ::"l"(at),
      "l"(packet.data), "l"(packet.epoch));
}
__device__ inline Packet load_packet(const Packet* at) {
  Packet packet;
  asm volatile(
      "{\n\t.reg .b128 both;\n\tld.relaxed.sys.global.b128 both, [%2];\n\t"
      "mov.b128 {%0, %1}, both;\n\t}"
      : "=l"(packet.data), "=l"(packet.epoch)
      : "l"(at));
  return packet;
}

/// Packets to and from one peer, or oneself. Calls are of one thread; those of a warp go well
/// together, side by side.
class Packets {
 public:
  /// All ranks' buffers begin at multiples of 16, as all on GPUs do.
  Packets(const DeviceView&& view, int peer) = delete;  // It refers to the view.
  __device__ Packets(const DeviceView& view, int peer)
      : view_(view),
        peer_(peer),
        theirs_(buffer<Packet>(view, peer)),
        ours_(buffer<const Packet>(view, view.rank)) {}

  /// Writes packet `at` of the peer's buffer. Never waits. A peer without a pointer gets nothing,
  /// and its wait fails at once, for the same reason.
  __device__ void put(std::uint64_t at, std::uint64_t data, std::uint64_t epoch) const {
    if (theirs_ != nullptr) store_packet(theirs_ + at, {data, epoch});
  }

  /// Waits until packet `at` of this rank's buffer, which the peer writes, carries `epoch`; then
  /// `data` is what it brought. Ends and fails as waits for signals do (symmem/device.cuh), but
  /// finds what is there even if the memory has failed.
  __device__ bool wait(std::uint64_t at, std::uint64_t epoch, std::uint64_t& data,
                       std::uint64_t timeout_ns) const {
    const Packet* const place = ours_ + at;
    const auto looks = [&, place, epoch] {
      return poll_briefly([&, place, epoch] {
        const Packet packet = load_packet(place);
        if (packet.epoch != epoch) return false;
        data = packet.data;
        return true;
      });
    };
    return looks() || wait_slowly(looks, timeout_ns);
  }
  __device__ bool wait(std::uint64_t at, std::uint64_t epoch, std::uint64_t& data) const {
    return wait(at, epoch, data, view_.timeout_ns);
  }

 private:
  template <typename Looks>
  __device__ bool wait_slowly(Looks looks, std::uint64_t timeout_ns) const {
    Waited waited = Waited::no_pointer;
    std::uint64_t begin = 0;
    if (pad(view_, peer_) != nullptr)
      waited = wait_for(view_, looks, arriving(view_, 0, peer_, Count::signals), false, peer_,
                        timeout_ns, begin);
    return settle(view_, waited, Failure::Operation::wait_packet, 0, peer_);
  }

  const DeviceView& view_;
  const int peer_;
  Packet* const theirs_;
  const Packet* const ours_;
};

}  // namespace symmem::device

#endif  // __CUDACC__
