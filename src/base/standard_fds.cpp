// SPDX-License-Identifier: Apache-2.0
#include "base/standard_fds.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/check.hpp"

namespace symmem {

void occupy_standard_fds() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) != -1) continue;
    // open returns the lowest free descriptor: `fd`, unless another thread opens a file
    // concurrently.
    const int opened = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (opened == -1)
      fail_errno(errno, fmt::format("open of /dev/null at the closed descriptor {}", fd));
    if (opened > STDERR_FILENO) ::close(opened);
  }
}

}  // namespace symmem
