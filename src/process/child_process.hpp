// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/unique_handle.hpp"

namespace symmem {

struct ChildCommand {
  std::vector<std::string> words;  ///< Program (looked up in PATH) and arguments.
  Environment environment;         ///< All of it: nothing is inherited beside it.
  int network_namespace = -1;      ///< To be entered first; not owned. -1: stays in ours.
};

/// How a process ended.
struct ChildEnd {
  int exit_code = 0;
  int signal = 0;  ///< 0: it exited.

  bool failed() const { return exit_code != 0 || signal != 0; }
  /// As a shell's $?: the exit code, or 128 + signal.
  int shell_code() const { return signal != 0 ? 128 + signal : exit_code; }
  /// "exited with code 3", "was killed by signal 9 (SIGKILL)"
  std::string text() const;
};

/// One program started in a process group of its own, stdin empty, stdout and stderr in pipes. It
/// is killed when the thread that started it ends.
///
/// It stays in the process table until the destructor, which kills the whole group: so its pid is
/// never somebody else's, and signalling it is safe at any time.
class ChildProcess {
 public:
  /// Throws Error(invalid_argument) if there is no such program or it may not be run,
  /// Error(refused) if it cannot enter its network namespace.
  explicit ChildProcess(const ChildCommand& command);
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;

  pid_t pid() const { return pid_; }
  /// Readable once the process has ended.
  int ended_fd() const { return ended_.get(); }
  int output_fd() const { return output_.get(); }  ///< Non-blocking.
  int errors_fd() const { return errors_.get(); }  ///< Non-blocking.
  /// Sends `number` to the process and to what it started.
  void signal(int number) const;
  /// How it ended; empty while it runs.
  std::optional<ChildEnd> end() const;

 private:
  pid_t pid_ = -1;
  Fd ended_, output_, errors_;
};

}  // namespace symmem
