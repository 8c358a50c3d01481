// SPDX-License-Identifier: Apache-2.0
#pragma once

#if __cplusplus < 202002L
#error "symmem/symmem.hpp needs C++20 (nvcc: -std=c++20); symmem/device.cuh alone does with C++17"
#endif

#include "symmem/extend/allocator.hpp"
#include "symmem/extend/block.hpp"
#include "symmem/context.hpp"
#include "symmem/device.hpp"
#include "symmem/device_view.hpp"
#include "symmem/dlpack.hpp"
#include "symmem/error.hpp"
#include "symmem/options.hpp"
#include "symmem/extend/store.hpp"
#include "symmem/cuda.hpp"
#include "symmem/symmetric_memory.hpp"
#include "symmem/tensor.hpp"
#include "symmem/timeout.hpp"
#include "symmem/extend/transport.hpp"
