// SPDX-License-Identifier: Apache-2.0
/// All headers that a program needs for host memory. Not included: symmem/cuda.hpp (CUDA streams),
/// symmem/device.cuh (kernels), symmem/key_value_store.hpp, symmem/torch_compat.hpp (the interface
/// of PyTorch's symmetric memory), symmem/extend/ (custom allocators, stores and transports).
#pragma once

#if __cplusplus < 202002L
#error "symmem/symmem.hpp needs C++20 (nvcc: -std=c++20); symmem/device.cuh alone needs C++17"
#endif

#include "symmem/context.hpp"  // With buffer, device, options, symmetric_memory and types.
#include "symmem/error.hpp"
