// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "base/unique_handle.hpp"

namespace symmem {

/// Creates an unnamed network namespace and returns a descriptor of the namespace. The kernel
/// removes the namespace when no descriptor, process or thread refers to it. Its interface `lo` is
/// down. Throws Error(refused) without CAP_SYS_ADMIN.
Fd make_network_namespace();

/// Runs `body` in a new thread inside the namespace and rethrows an exception that `body` throws. A
/// socket belongs to the namespace of the thread that created it. Threads that `body` starts
/// inherit the namespace.
void run_in_network_namespace(int name_space, const std::function<void()>& body);

/// Moves this process, which must have only one thread, into the namespace. Also mounts a new sysfs
/// on /sys, from which libraries read the network devices of the namespace. Returns 0 or errno.
/// Acquires no lock and allocates no memory, so it may be called between fork and exec.
int enter_network_namespace(int name_space) noexcept;

}  // namespace symmem
