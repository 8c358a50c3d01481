// SPDX-License-Identifier: Apache-2.0
#include "process/network_namespace.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include <cerrno>
#include <exception>
#include <thread>

#include "base/check.hpp"

namespace symmem {
namespace {

/// Runs `body` in a new thread, so that the namespaces of the calling thread do not change.
/// Rethrows an exception that `body` throws.
void run_in_thread(const std::function<void()>& body) {
  std::exception_ptr error;
  std::thread([&] {
    try {
      body();
    } catch (...) {
      error = std::current_exception();
    }
  }).join();
  if (error) std::rethrow_exception(error);
}

void require_permitted(int result, const char* what) {
  if (result == 0) return;
  require(errno != EPERM, Errc::refused,
          "{}: a network namespace needs root, or CAP_SYS_ADMIN and CAP_NET_ADMIN", what);
  fail_errno(errno, what);
}

}  // namespace

Fd make_network_namespace() {
  Fd made;
  run_in_thread([&made] {
    require_permitted(::unshare(CLONE_NEWNET), "unshare");
    made = Fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!made) fail_errno(errno, "open of /proc/thread-self/ns/net");
  });
  return made;
}

void run_in_network_namespace(int name_space, const std::function<void()>& body) {
  run_in_thread([&] {
    require_permitted(::setns(name_space, CLONE_NEWNET), "setns");
    body();
  });
}

int enter_network_namespace(int name_space) noexcept {
  if (::setns(name_space, CLONE_NEWNET) != 0) return errno;
  // A sysfs contains the devices of the network namespace in which it was mounted. A private mount
  // namespace hides the new sysfs from other processes.
  if (::unshare(CLONE_NEWNS) != 0) return errno;
  const auto separate = [](const char* mount) {
    return ::mount(nullptr, mount, nullptr, MS_SLAVE | MS_REC, nullptr) == 0;
  };
  // In a chroot, "/" may not be a mount point; in this case separate only "/sys".
  if (!separate("/") && !(errno == EINVAL && separate("/sys"))) return errno;
  // Keep /sys/fs/cgroup, from which programs read their limits.
  const int cgroups =
      ::open_tree(AT_FDCWD, "/sys/fs/cgroup", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  if (::mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0)
    return errno;
  if (cgroups >= 0) ::move_mount(cgroups, "", AT_FDCWD, "/sys/fs/cgroup", MOVE_MOUNT_F_EMPTY_PATH);
  return 0;
}

}  // namespace symmem
