// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>

#include <signal.h>

#include "base/unique_handle.hpp"

namespace symmem {

/// An owner of a signalfd. Until destruction, its signals are blocked in the thread that
/// constructed it and in threads that this thread starts. Construct it before any other thread
/// starts.
class SignalFd {
 public:
  explicit SignalFd(std::initializer_list<int> numbers);
  ~SignalFd();
  SignalFd(const SignalFd&) = delete;
  SignalFd& operator=(const SignalFd&) = delete;

  /// Returns a descriptor that is readable while a signal is pending.
  int fd() const { return fd_.get(); }
  /// Consumes and returns a pending signal; 0 if none is pending.
  int take() const;
  /// Blocks until a signal is pending; consumes and returns it.
  int wait() const;

 private:
  sigset_t before_;
  Fd fd_;
};

}  // namespace symmem
