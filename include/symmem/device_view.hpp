// SPDX-License-Identifier: Apache-2.0
/// DeviceView: a SymmetricMemory on GPU memory, as kernels use it.
///
/// SymmetricMemory::device_view() returns it; pass it to kernels by value. This header is enough
/// for kernels that load and store, symmem/device.cuh adds signals, barriers and packets. C++17.
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

/// Trivially copyable. Valid until SymmetricMemory::close().
struct DeviceView {
  int rank = 0;
  int world_size = 1;
  int channels = 0;
  std::uint64_t buffer_bytes = 0;  ///< Equal on all ranks.
  std::uint64_t timeout_ns = 0;    ///< Default of every wait: SYMMEM_TIMEOUT.

  device::PadState state;  ///< Internal.

#ifdef __CUDACC__
  /// Returns the start of `rank`'s buffer, for loads and stores. Null if no pointer reaches it:
  /// then only calls of the host do. Does not check `rank`.
  template <typename T = void>
  __device__ T* buffer(int rank) const {
    return static_cast<T*>(world_size <= device::PadState::kInlinePeers
                               ? state.inline_buffers[rank]
                               : device::internal::load_pointer(state.buffers, rank));
  }
#endif
};

}  // namespace symmem
