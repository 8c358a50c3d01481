// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "symmem/device.hpp"

namespace symmem::harness {

// The environment variable HARNESS_DEVICE selects the device, host (the default) or cuda, for tests
// that support both.

/// Returns whether HARNESS_DEVICE is cuda.
bool tests_gpu_memory();
/// Returns the device on which `rank` allocates: the host, or GPU `rank` modulo the number of GPUs.
Device tested_device(int rank);
/// Returns whether tested_device() can be used; if not, skips the test case with the reason.
bool can_use_tested_device();
/// Returns whether at least `count` GPUs are visible; if not, skips the test case with the reason.
bool can_use_gpus(int count);
inline bool can_use_gpu() { return can_use_gpus(1); }
/// Returns whether `ranks` processes share GPUs without the CUDA multi-process service (MPS). In
/// this case each process waits milliseconds for its time slice, so tests run fewer repetitions.
bool takes_turns(int ranks);
/// Copies to or from memory on `device`. The copy is complete when the function returns.
void copy_on(const Device& device, void* to, const void* from, std::size_t bytes);

}  // namespace symmem::harness
