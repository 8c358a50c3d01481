// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "process/child_process.hpp"
#include "base/deadline.hpp"
#include "process/signal_fd.hpp"

namespace symmem {

enum class ChildStream { output, errors };

/// Cuts a stream of bytes into lines.
class LineCutter {
 public:
  using Sink = std::function<void(std::string_view line)>;
  void feed(std::string_view bytes, const Sink& sink);
  /// The last line may lack its newline.
  void finish(const Sink& sink);

 private:
  std::string partial_;
};

/// How a set of children ended, and what ended it.
struct JobEnd {
  enum class Cause { all_succeeded, child_failed, deadline, signal };
  Cause cause = Cause::all_succeeded;
  int child = -1;               ///< The first that failed, for child_failed.
  std::vector<int> unfinished;  ///< Those that ran at the deadline.
  int signal = 0;               ///< The signal that came to us.
};

/// Children that belong together, numbered 0, 1, ... in the order of start(). All work is done in
/// the calls, by one thread, which reads the children's output meanwhile: a child that writes more
/// than a pipe holds waits for the next call. The destructor kills what still runs.
class ChildProcesses {
 public:
  /// Gets each whole line, without newline, that a child wrote. Lines of over 64 KiB come in parts.
  using Sink = std::function<void(int child, ChildStream stream, std::string_view line)>;
  /// What SIGTERM leaves a child for its own cleaning up before SIGKILL.
  static constexpr std::chrono::seconds kGrace{5};

  explicit ChildProcesses(Sink sink);
  ~ChildProcesses();

  /// Returns the child's number. Throws Error(invalid_argument) if it cannot be started.
  int start(const ChildCommand& command);
  int count() const { return static_cast<int>(children_.size()); }
  pid_t pid(int child) const { return at(child).process.pid(); }
  void signal(int child, int number) const { at(child).process.signal(number); }

  /// Waits until `child` has ended and its output was read; empty if the deadline passed first.
  std::optional<ChildEnd> wait(int child, const Deadline& deadline);
  /// How `child` ended, as far as the last call that waited has seen.
  std::optional<ChildEnd> end(int child) const { return at(child).end; }

  /// Waits until all have ended. The first failure, the deadline, or one of `signals` ends the
  /// others: they get SIGTERM (or that signal), and SIGKILL after kGrace or a second signal.
  JobEnd wait_all(const Deadline& deadline, const SignalFd* signals = nullptr);

 private:
  struct Child {
    ChildProcess process;
    LineCutter lines[2];
    bool open[2] = {true, true};
    std::optional<ChildEnd> end;
  };

  const Child& at(int child) const { return children_.at(static_cast<std::size_t>(child)); }
  bool all_ended() const;
  void signal_running(int number) const;
  int pump(const Deadline& deadline, const SignalFd* signals);
  void read(int child, ChildStream stream, int times);
  void notice_end(int child);
  JobEnd why_to_stop(const Deadline& deadline, int signal) const;

  Sink sink_;
  std::vector<Child> children_;
};

}  // namespace symmem
