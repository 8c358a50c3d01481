// SPDX-License-Identifier: Apache-2.0
/// DeviceView: a SymmetricMemory on GPU memory, in the form that kernels use.
///
/// SymmetricMemory::device_view() returns a DeviceView; pass it to kernels by value. This header is
/// sufficient for kernels that only load and store; symmem/device.cuh adds signals, barriers and
/// packets. Needs C++17.
///
///   __global__ void scale(symmem::DeviceView view, float factor) {
///     float* const peer = view.buffer<float>((view.rank + 1) % view.world_size);
///     peer[threadIdx.x] *= factor;
///   }
#pragma once

#include <cstdint>

#include "symmem/device_state.hpp"

namespace symmem {

namespace device {

/// The threads that make a call together: one thread, the 32 threads of a warp, or all threads of a
/// one-dimensional block.
enum class Scope { thread, warp, block };

}  // namespace device

/// Access to a SymmetricMemory from kernels. Trivially copyable. Valid until
/// SymmetricMemory::close().
struct DeviceView {
  int rank = 0;
  int world_size = 1;
  int channels = 0;
  std::uint64_t buffer_bytes = 0;  ///< Size of each rank's buffer.
  std::uint64_t timeout_ns = 0;    ///< Default timeout of every wait (SYMMEM_TIMEOUT).

  device::PadState state;  ///< Internal.

#ifdef __CUDACC__
  /// Returns the start of `rank`'s buffer, for loads and stores. Returns null if the buffer is not
  /// mapped: only host calls can then access it. Does not check `rank`.
  template <typename T = void>
  __device__ T* buffer(int rank) const {
    return static_cast<T*>(world_size <= device::PadState::kInlinePeers
                               ? state.inline_buffers[rank]
                               : device::internal::load_pointer(state.buffers, rank));
  }
#endif
};

}  // namespace symmem
