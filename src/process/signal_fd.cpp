// SPDX-License-Identifier: Apache-2.0
#include "process/signal_fd.hpp"

#include <poll.h>
#include <sys/signalfd.h>

#include <cerrno>

#include "base/check.hpp"

namespace symmem {

SignalFd::SignalFd(std::initializer_list<int> numbers) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : numbers) ::sigaddset(&set, number);
  fd_ = Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd_) fail_errno(errno, "signalfd");
  ::pthread_sigmask(SIG_BLOCK, &set, &before_);
}

SignalFd::~SignalFd() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

int SignalFd::take() const {
  signalfd_siginfo info{};
  const ssize_t got = ::read(fd_.get(), &info, sizeof info);
  return got == static_cast<ssize_t>(sizeof info) ? static_cast<int>(info.ssi_signo) : 0;
}

int SignalFd::wait() const {
  for (;;) {
    if (const int number = take()) return number;
    pollfd readable{fd_.get(), POLLIN, 0};
    if (::poll(&readable, 1, -1) < 0 && errno != EINTR) fail_errno(errno, "poll of a signalfd");
  }
}

}  // namespace symmem
