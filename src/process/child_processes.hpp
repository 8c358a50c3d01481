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

/// A splitter of a byte stream into lines.
class LineSplitter {
 public:
  using Sink = std::function<void(std::string_view line)>;
  void feed(std::string_view bytes, const Sink& sink);
  /// Passes an incomplete last line to `sink`.
  void finish(const Sink& sink);

 private:
  std::string partial_;
};

/// The result of ChildProcesses::wait_all().
struct JobEnd {
  enum class Cause { all_succeeded, child_failed, deadline, signal };
  Cause cause = Cause::all_succeeded;
  int child = -1;               ///< For child_failed: the number of the first failed child.
  std::vector<int> unfinished;  ///< For deadline: the children that were still running.
  int signal = 0;               ///< For signal: the signal that this process received.
};

/// A set of child processes, numbered from 0 in the order of the calls of start(). There is no
/// background thread: only wait() and wait_all() read the children's output, and a child that has
/// filled its pipe blocks until the next call. Only one thread may use the object. The destructor
/// kills the children that are still running.
class ChildProcesses {
 public:
  /// A callback that receives each line that a child wrote, without the newline. A line over 64 KiB
  /// is passed in parts.
  using Sink = std::function<void(int child, ChildStream stream, std::string_view line)>;
  /// Time between SIGTERM and SIGKILL, during which a child can clean up.
  static constexpr std::chrono::seconds kGrace{5};

  explicit ChildProcesses(Sink sink);
  ~ChildProcesses();

  /// Starts a child and returns its number. Throws the same errors as the constructor of
  /// ChildProcess.
  int start(const ChildCommand& command);
  int count() const { return static_cast<int>(children_.size()); }
  pid_t pid(int child) const { return at(child).process.pid(); }
  void signal(int child, int number) const { at(child).process.signal(number); }

  /// Waits until `child` has ended and its output has been read. Returns nullopt at the deadline.
  std::optional<ChildEnd> wait(int child, const Deadline& deadline);
  /// Returns how `child` ended, or nullopt if `child` was running at the end of the last wait.
  std::optional<ChildEnd> end(int child) const { return at(child).end; }

  /// Waits until all children have ended. Stops the running children if a child fails, the deadline
  /// expires or one of `signals` is received: sends them SIGTERM (or the received signal), and
  /// SIGKILL after kGrace or after a second signal.
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
