// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "symmem/device.hpp"

namespace symmem::harness {

// The variable HARNESS_DEVICE selects the memory for tests that run on any kind: host (the default)
// or cuda.

/// Whether HARNESS_DEVICE is cuda.
bool tests_gpu_memory();
/// Returns the device on which `rank` allocates: the host, or GPU `rank` modulo their number.
Device tested_device(int rank);
/// Whether that device exists. If not, skips the test case with the reason.
bool can_use_tested_device();
/// Whether the process sees at least `count` GPUs. If not, skips the test case.
bool can_use_gpus(int count);
inline bool can_use_gpu() { return can_use_gpus(1); }
/// Whether `ranks` processes share GPUs without the multi-process service. Each then waits
/// milliseconds for its time slice, and tests make fewer repetitions.
bool takes_turns(int ranks);
/// Copies to or from memory on `device`. The copy is complete when it returns.
void copy_on(const Device& device, void* to, const void* from, std::size_t bytes);

}  // namespace symmem::harness
