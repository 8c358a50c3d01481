// SPDX-License-Identifier: Apache-2.0
#include "process/child_processes.hpp"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>

#include "base/check.hpp"

namespace symmem {
namespace {

constexpr std::size_t kChunk = 64u << 10;
/// Maximum number of chunks to read from a pipe after its writer has ended. A pipe holds 64 KiB by
/// default, and at most 1 MiB if an unprivileged process enlarges the pipe.
constexpr int kDrain = 16;

}  // namespace

void LineSplitter::feed(std::string_view bytes, const Sink& sink) {
  for (std::size_t end; (end = bytes.find('\n')) != std::string_view::npos;) {
    if (partial_.empty()) {
      sink(bytes.substr(0, end));
    } else {
      sink(partial_.append(bytes.substr(0, end)));
      partial_.clear();
    }
    bytes.remove_prefix(end + 1);
  }
  partial_.append(bytes);
  // Limit the memory for output without newlines.
  if (partial_.size() >= kChunk) finish(sink);
}

void LineSplitter::finish(const Sink& sink) {
  if (!partial_.empty()) sink(partial_);
  partial_.clear();
}

ChildProcesses::ChildProcesses(Sink sink) : sink_(std::move(sink)) {
  // This process may have inherited SIG_IGN for SIGCHLD; in this case the kernel discards exit
  // codes.
  ::signal(SIGCHLD, SIG_DFL);
}

ChildProcesses::~ChildProcesses() {
  // Signal all children first: each destructor waits until its child has ended.
  for (const Child& child : children_) child.process.signal(SIGKILL);
}

int ChildProcesses::start(const ChildCommand& command) {
  children_.push_back({ChildProcess(command), {}, {true, true}, {}});
  return count() - 1;
}

bool ChildProcesses::all_ended() const {
  return std::all_of(children_.begin(), children_.end(),
                     [](const Child& child) { return child.end.has_value(); });
}

void ChildProcesses::signal_running(int number) const {
  for (const Child& child : children_)
    if (!child.end) child.process.signal(number);
}

void ChildProcesses::read(int number, ChildStream stream, int times) {
  Child& child = children_[static_cast<std::size_t>(number)];
  const auto which = static_cast<std::size_t>(stream);
  const int fd =
      stream == ChildStream::output ? child.process.output_fd() : child.process.errors_fd();
  const LineSplitter::Sink sink = [&](std::string_view line) { sink_(number, stream, line); };
  std::string bytes(kChunk, '\0');
  for (int i = 0; i < times && child.open[which]; ++i) {
    const ssize_t got = ::read(fd, bytes.data(), bytes.size());
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0 && errno == EINTR) continue;
    child.open[which] = got > 0;
    if (got > 0) child.lines[which].feed({bytes.data(), static_cast<std::size_t>(got)}, sink);
  }
  if (!child.open[which]) child.lines[which].finish(sink);
}

void ChildProcesses::notice_end(int number) {
  Child& child = children_[static_cast<std::size_t>(number)];
  const std::optional<ChildEnd> end = child.process.end();
  if (!end) return;
  // Drain the pipes, but do not wait for end-of-file: a grandchild may keep them open.
  for (const ChildStream stream : {ChildStream::output, ChildStream::errors}) {
    read(number, stream, kDrain);
    child.lines[static_cast<std::size_t>(stream)].finish(
        [&](std::string_view line) { sink_(number, stream, line); });
  }
  child.end = end;
}

/// Waits until an event occurs or the deadline expires, and handles all events that have occurred.
/// Returns the received signal, or 0.
int ChildProcesses::pump(const Deadline& deadline, const SignalFd* signals) {
  struct Source {
    int child;
    std::optional<ChildStream> stream;  // nullopt: the end of the child is the event.
  };
  std::vector<pollfd> fds;
  std::vector<Source> sources;
  const auto watch = [&](int fd, Source source) {
    fds.push_back({fd, POLLIN, 0});
    sources.push_back(source);
  };
  for (int i = 0; i < count(); ++i) {
    const Child& child = at(i);
    if (child.open[0]) watch(child.process.output_fd(), {i, ChildStream::output});
    if (child.open[1]) watch(child.process.errors_fd(), {i, ChildStream::errors});
    if (!child.end) watch(child.process.ended_fd(), {i, std::nullopt});
  }
  if (signals != nullptr) fds.push_back({signals->fd(), POLLIN, 0});
  const int ready = ::poll(fds.data(), fds.size(), deadline.remaining_for_poll());
  if (ready < 0 && errno != EINTR) fail_errno(errno, "poll of child processes");
  if (ready <= 0) return 0;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (fds[i].revents == 0) continue;
    if (sources[i].stream)
      read(sources[i].child, *sources[i].stream, 1);
    else
      notice_end(sources[i].child);
  }
  return signals != nullptr ? signals->take() : 0;
}

std::optional<ChildEnd> ChildProcesses::wait(int child, const Deadline& deadline) {
  while (!at(child).end) {
    pump(deadline, nullptr);
    if (!at(child).end && deadline.expired()) return std::nullopt;
  }
  return at(child).end;
}

JobEnd ChildProcesses::why_to_stop(const Deadline& deadline, int signal) const {
  JobEnd end;
  for (int i = 0; i < count() && end.child < 0; ++i)
    if (at(i).end && at(i).end->failed()) end.child = i;
  if (end.child >= 0) {
    end.cause = JobEnd::Cause::child_failed;
  } else if (signal != 0) {
    end.cause = JobEnd::Cause::signal;
    end.signal = signal;
  } else if (deadline.expired()) {
    for (int i = 0; i < count(); ++i)
      if (!at(i).end) end.unfinished.push_back(i);
    if (!end.unfinished.empty()) end.cause = JobEnd::Cause::deadline;
  }
  return end;
}

JobEnd ChildProcesses::wait_all(const Deadline& deadline, const SignalFd* signals) {
  JobEnd end;
  Deadline limit = deadline;
  while (!all_ended()) {
    const int signal = pump(limit, signals);
    if (end.cause != JobEnd::Cause::all_succeeded) {
      if (signal == 0 && !limit.expired()) continue;
      signal_running(SIGKILL);
      limit = Deadline::in(std::chrono::milliseconds::max(), kGrace);  // No child survives SIGKILL.
      continue;
    }
    if (all_ended()) break;
    end = why_to_stop(deadline, signal);
    if (end.cause == JobEnd::Cause::all_succeeded) continue;
    signal_running(end.signal != 0 ? end.signal : SIGTERM);
    limit = Deadline::in(kGrace, kGrace);
  }
  return end.cause == JobEnd::Cause::all_succeeded ? why_to_stop(deadline, 0) : end;
}

}  // namespace symmem
