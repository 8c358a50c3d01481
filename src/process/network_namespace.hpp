// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "base/unique_handle.hpp"

namespace symmem {

/// Makes a network namespace that has no name: it lives as long as a descriptor of it, or a process
/// or thread in it. Its `lo` is down. Throws Error(refused) without CAP_SYS_ADMIN.
Fd make_network_namespace();

/// Runs `body` in a thread of its own that is in the namespace, and throws what it throws. Sockets
/// belong to the namespace of the thread that made them; threads start in that of their maker.
void run_in_network_namespace(int name_space, const std::function<void()>& body);

/// Moves this process, which must have one thread, into the namespace for good, with a /sys that
/// shows the devices there: libraries look them up in it. Returns 0 or errno. Takes no lock and no
/// memory, so that it may be called between fork and exec.
int enter_network_namespace(int name_space) noexcept;

}  // namespace symmem
