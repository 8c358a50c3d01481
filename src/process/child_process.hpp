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
  std::vector<std::string> words;  ///< The program (searched in PATH) and its arguments.
  Environment environment;     ///< The complete environment; the child inherits no other variables.
  int network_namespace = -1;  ///< Borrowed; -1 selects the caller's namespace.
};

/// The exit code of a process, or the signal that killed it.
struct ChildEnd {
  int exit_code = 0;
  int signal = 0;  ///< The signal that killed the process; 0 if the process exited.

  bool failed() const { return exit_code != 0 || signal != 0; }
  /// Returns the value that a shell would assign to $?: the exit code, or 128 + signal.
  int shell_code() const { return signal != 0 ? 128 + signal : exit_code; }
  /// Returns "exited with code 3" or "was killed by signal 9 (SIGKILL)".
  std::string text() const;
};

/// A child process in its own process group. Its stdin is /dev/null; its stdout and stderr are
/// pipes. The kernel kills the child when the thread that started it ends.
///
/// The destructor kills the whole group and reaps the child. Until then no other process can have
/// the same pid, so it is safe to signal the child at any time.
class ChildProcess {
 public:
  /// Starts the program. Throws Error(invalid_argument) if the program does not exist or is not
  /// executable, and Error(refused) if the child cannot enter its network namespace.
  explicit ChildProcess(const ChildCommand& command);
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;

  pid_t pid() const { return pid_; }
  /// Returns a descriptor that is readable once the process has ended.
  int ended_fd() const { return ended_.get(); }
  int output_fd() const { return output_.get(); }  ///< The read end of stdout; non-blocking.
  int errors_fd() const { return errors_.get(); }  ///< The read end of stderr; non-blocking.
  /// Sends signal `number` to the process and to its group.
  void signal(int number) const;
  /// Returns how the process ended, or nullopt while the process runs.
  std::optional<ChildEnd> end() const;

 private:
  pid_t pid_ = -1;
  Fd ended_, output_, errors_;
};

}  // namespace symmem
