// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/unique_handle.hpp"

namespace symmem {

/// The program, arguments and environment of a child process.
struct ChildCommand {
  std::vector<std::string> words;  ///< Program (searched in PATH) and arguments.
  Environment environment;         ///< The complete environment: nothing else is inherited.
  int network_namespace = -1;      ///< The child enters it first; borrowed. -1: the caller's.
};

/// How a process ended.
struct ChildEnd {
  int exit_code = 0;
  int signal = 0;  ///< 0: the process exited by itself.

  bool failed() const { return exit_code != 0 || signal != 0; }
  /// Returns the value of a shell's $?: the exit code, or 128 + signal.
  int shell_code() const { return signal != 0 ? 128 + signal : exit_code; }
  /// Returns "exited with code 3" or "was killed by signal 9 (SIGKILL)".
  std::string text() const;
};

/// A child process in its own process group, with empty stdin, and stdout and stderr in pipes. The
/// kernel kills it when the thread that started it ends.
///
/// The destructor kills the whole group and reaps the child. Until then no other process can get
/// its pid, so that signals to it are safe at any time.
class ChildProcess {
 public:
  /// Starts the program. Throws Error(invalid_argument) if it does not exist or is not executable,
  /// Error(refused) if the child cannot enter its network namespace.
  explicit ChildProcess(const ChildCommand& command);
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;

  pid_t pid() const { return pid_; }
  /// Returns a descriptor that is readable once the process has ended.
  int ended_fd() const { return ended_.get(); }
  int output_fd() const { return output_.get(); }  ///< Non-blocking.
  int errors_fd() const { return errors_.get(); }  ///< Non-blocking.
  /// Sends signal `number` to the process and to its group.
  void signal(int number) const;
  /// Returns how the process ended; empty while it runs.
  std::optional<ChildEnd> end() const;

 private:
  pid_t pid_ = -1;
  Fd ended_, output_, errors_;
};

}  // namespace symmem
