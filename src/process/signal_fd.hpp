// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>

#include <signal.h>

#include "base/unique_handle.hpp"

namespace symmem {

/// Turns signals to this process into something to poll: while it lives they are blocked in this
/// thread and in threads started from it. Make it before any other thread.
class SignalFd {
 public:
  explicit SignalFd(std::initializer_list<int> numbers);
  ~SignalFd();
  SignalFd(const SignalFd&) = delete;
  SignalFd& operator=(const SignalFd&) = delete;

  /// Readable when a signal came.
  int fd() const { return fd_.get(); }
  /// The signal that came; 0 if none did.
  int take() const;
  /// Waits for one.
  int wait() const;

 private:
  sigset_t before_;
  Fd fd_;
};

}  // namespace symmem
