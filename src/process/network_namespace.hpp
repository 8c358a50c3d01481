// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "base/unique_handle.hpp"

namespace symmem {

/// Makes an unnamed network namespace. It exists as long as a descriptor of it, or a process or
/// thread in it. Its `lo` is down. Throws Error(refused) without CAP_SYS_ADMIN.
Fd make_network_namespace();

/// Runs `body` in a new thread inside the namespace and rethrows its exception. Sockets stay in the
/// namespace of the thread that made them; threads that `body` starts inherit the namespace.
void run_in_network_namespace(int name_space, const std::function<void()>& body);

/// Moves this process, which must have one thread, into the namespace and mounts a /sys of it,
/// where libraries look up network devices. Returns 0 or errno. Takes no lock and allocates no
/// memory, so that it may run between fork and exec.
int enter_network_namespace(int name_space) noexcept;

}  // namespace symmem
