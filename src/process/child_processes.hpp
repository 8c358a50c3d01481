// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.hpp"
#include "process/child_process.hpp"
#include "process/signal_fd.hpp"

namespace symmem {

enum class ChildStream { output, errors };

/// Splits a stream of bytes into lines.
class LineSplitter {
 public:
  using Sink = std::function<void(std::string_view line)>;
  void feed(std::string_view bytes, const Sink& sink);
  /// Passes the last line to `sink` if its newline is missing.
  void finish(const Sink& sink);

 private:
  std::string partial_;
};

/// Why and how a set of children ended.
struct JobEnd {
  enum class Cause { all_succeeded, child_failed, deadline, signal };
  Cause cause = Cause::all_succeeded;
  int child = -1;               ///< The first child that failed, for child_failed.
  std::vector<int> unfinished;  ///< The children that still ran at the deadline.
  int signal = 0;               ///< The signal that this process received.
};

/// A set of child processes, numbered 0, 1, ... in the order of start(). No background thread: only
/// wait() and wait_all() read the children's output, and a child that has filled its pipe blocks
/// until the next call. One thread may use it. The destructor kills the children that still run.
class ChildProcesses {
 public:
  /// Receives each line that a child wrote, without newline. A line over 64 KiB is passed in parts.
  using Sink = std::function<void(int child, ChildStream stream, std::string_view line)>;
  /// Time between SIGTERM and SIGKILL, for the cleanup of a child.
  static constexpr std::chrono::seconds kGrace{5};

  explicit ChildProcesses(Sink sink);
  ~ChildProcesses();

  /// Starts a child and returns its number. Throws what the constructor of ChildProcess throws.
  int start(const ChildCommand& command);
  int count() const { return static_cast<int>(children_.size()); }
  pid_t pid(int child) const { return at(child).process.pid(); }
  void signal(int child, int number) const { at(child).process.signal(number); }

  /// Waits until `child` has ended and its output is read. Returns empty at the deadline.
  std::optional<ChildEnd> wait(int child, const Deadline& deadline);
  /// Returns how `child` ended, as seen by the last wait; empty if it ran.
  std::optional<ChildEnd> end(int child) const { return at(child).end; }

  /// Waits until all children have ended. The first failure, the deadline or one of `signals` stops
  /// the others: they get SIGTERM (or the received signal), and SIGKILL after kGrace or at a second
  /// signal.
  JobEnd wait_all(const Deadline& deadline, const SignalFd* signals = nullptr);

 private:
  struct Child {
    ChildProcess process;
    LineSplitter lines[2];
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
