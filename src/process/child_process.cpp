// SPDX-License-Identifier: Apache-2.0
#include "process/child_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <utility>

#include "base/check.hpp"
#include "base/parse.hpp"
#include "process/network_namespace.hpp"

namespace symmem {
namespace {

struct Pipe {
  Fd read, write;
};

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail_errno(errno, "pipe for a child process");
  return {Fd(ends[0]), Fd(ends[1])};
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result;
  for (std::string& word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

/// Everything that the child needs, prepared before fork: between fork and exec the child of a
/// process with threads must neither allocate memory nor take a lock.
struct Prepared {
  char* const* words;
  char* const* environment;
  int input, output, errors, failure;
  int network_namespace;
  pid_t parent;
};

/// Why exec did not run the program. The child writes it to a pipe to its parent.
struct Failure {
  int error = 0;  ///< errno; 0: exec succeeded.
  bool in_namespace = false;
};

[[noreturn]] void report_failure(const Prepared& prepared, Failure failure) {
  static_cast<void>(!::write(prepared.failure, &failure, sizeof failure));
  ::_exit(127);
}

[[noreturn]] void exec_program(const Prepared& prepared) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have died before the call above.
  if (::getppid() != prepared.parent) ::_exit(127);
  ::setpgid(0, 0);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  if (prepared.network_namespace >= 0) {
    const int error = enter_network_namespace(prepared.network_namespace);
    if (error != 0) report_failure(prepared, {error, true});
  }
  if (::dup2(prepared.input, 0) == 0 && ::dup2(prepared.output, 1) == 1 &&
      ::dup2(prepared.errors, 2) == 2)
    // glibc's execvpe searches PATH without allocating memory.
    ::execvpe(prepared.words[0], prepared.words, prepared.environment);
  report_failure(prepared, {errno, false});
}

Failure wait_for_exec(const Pipe& pipe) {
  Failure failure;
  ssize_t got;
  do {
    got = ::read(pipe.read.get(), &failure, sizeof failure);
  } while (got < 0 && errno == EINTR);
  return got == static_cast<ssize_t>(sizeof failure) ? failure : Failure();
}

}  // namespace

std::string ChildEnd::text() const {
  if (signal == 0) return fmt::format("exited with code {}", exit_code);
  const char* name = ::sigabbrev_np(signal);
  return fmt::format("was killed by signal {} (SIG{})", signal, name != nullptr ? name : "?");
}

ChildProcess::ChildProcess(const ChildCommand& command) {
  require(!command.words.empty() && !command.words[0].empty(), Errc::invalid_argument,
          "no program was given");
  std::vector<std::string> words = command.words, lines = to_lines(command.environment);
  const std::vector<char*> word_pointers = pointers(words), line_pointers = pointers(lines);
  const Fd input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  Pipe output = make_pipe(), errors = make_pipe(), failure = make_pipe();
  const Prepared prepared{word_pointers.data(),
                          line_pointers.data(),
                          input.get(),
                          output.write.get(),
                          errors.write.get(),
                          failure.write.get(),
                          command.network_namespace,
                          ::getpid()};
  pid_ = ::fork();
  if (pid_ < 0) fail_errno(errno, "fork");
  if (pid_ == 0) exec_program(prepared);
  failure.write = Fd();
  const auto [error, in_namespace] = wait_for_exec(failure);
  // syscall, because the header of glibc 2.36 declares pidfd_open for C only.
  if (error == 0) ended_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  const int no_pidfd = error == 0 && !ended_ ? errno : 0;
  if (error != 0 || no_pidfd != 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    require(no_pidfd == 0, Errc::unsupported, "pidfd_open: {} (Linux 5.3 or newer is needed)",
            ::strerrordesc_np(no_pidfd));
    require(!in_namespace, Errc::refused,
            "cannot start {}: entering its network namespace failed: {} (this needs root, or "
            "CAP_SYS_ADMIN, and permission to mount a sysfs)",
            in_quotes(command.words[0]), ::strerrordesc_np(error));
    fail(Errc::invalid_argument, "cannot start {}: {}", in_quotes(command.words[0]),
         ::strerrordesc_np(error));
  }
  for (const Pipe* pipe : {&output, &errors}) ::fcntl(pipe->read.get(), F_SETFL, O_NONBLOCK);
  output_ = std::move(output.read);
  errors_ = std::move(errors.read);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      ended_(std::move(other.ended_)),
      output_(std::move(other.output_)),
      errors_(std::move(other.errors_)) {}

ChildProcess::~ChildProcess() {
  if (pid_ < 0) return;
  signal(SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void ChildProcess::signal(int number) const {
  // Safe because pid_ is not reaped: no other process or group can have this number. A program that
  // moved to another group gets the signal by its pid.
  ::kill(-pid_, number);
  if (::getpgid(pid_) != pid_) ::kill(pid_, number);
}

std::optional<ChildEnd> ChildProcess::end() const {
  siginfo_t info{};
  // WNOWAIT: the destructor reaps.
  const int result = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
  if (result != 0) fail_errno(errno, fmt::format("waitid of process {}", pid_));
  if (info.si_pid == 0) return std::nullopt;
  return info.si_code == CLD_EXITED ? ChildEnd{info.si_status, 0} : ChildEnd{0, info.si_status};
}

}  // namespace symmem
