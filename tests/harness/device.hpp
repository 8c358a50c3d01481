// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "symmem/device.hpp"

namespace symmem::harness {

/// Tests that run on any kind of memory take it from HARNESS_DEVICE: host (the default) or cuda.

/// True if it is cuda.
bool tests_gpu_memory();
/// Where `rank` is to allocate: the host, or the GPUs in turn.
Device tested_device(int rank);
/// True if there is such a device; else says why not, and the test case is skipped.
bool can_use_tested_device();
/// True if the test sees so many GPUs; else the test case is skipped.
bool can_use_gpus(int count);
inline bool can_use_gpu() { return can_use_gpus(1); }
/// Whether so many ranks share GPUs without the multi-process service: each waits milliseconds for
/// its turn then, and a test that repeats something repeats it less often.
bool takes_turns(int ranks);
/// Copies to or from memory on `device`, as whoever is there reaches it; done when it returns.
void copy_on(const Device& device, void* to, const void* from, std::size_t bytes);

}  // namespace symmem::harness
