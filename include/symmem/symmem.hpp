// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "symmem/allocator.hpp"
#include "symmem/block.hpp"
#include "symmem/context.hpp"
#include "symmem/device.hpp"
#include "symmem/device_view.hpp"
#include "symmem/dlpack.hpp"
#include "symmem/error.hpp"
#include "symmem/options.hpp"
#include "symmem/store.hpp"
#include "symmem/stream.hpp"
#include "symmem/symmetric_memory.hpp"
#include "symmem/tensor.hpp"
#include "symmem/timeout.hpp"
#include "symmem/transport.hpp"
