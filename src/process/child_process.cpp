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

/// The data that the child uses between fork and exec. It is prepared before fork, because after
/// fork the child of a multi-threaded process must neither allocate memory nor acquire a lock.
struct Prepared {
  char* const* words;
  char* const* environment;
  int input, output, errors, failure;
  int network_namespace;
  pid_t parent;
};

/// The reason why exec failed. The child writes this struct to a pipe to its parent.
struct Failure {
  int error = 0;  ///< The errno value; 0 if exec succeeded.
  bool in_namespace = false;
};

[[noreturn]] void report_failure(const Prepared& prepared, Failure failure) {
  static_cast<void>(!::write(prepared.failure, &failure, sizeof failure));
  ::_exit(127);
}

[[noreturn]] void exec_program(const Prepared& prepared) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have died before the call of prctl.
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
  // Call syscall(), because the header of glibc 2.36 declares pidfd_open only for C.
  if (error == 0) ended_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  const int no_pidfd = error == 0 && !ended_ ? errno : 0;
  if (error != 0 || no_pidfd != 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    require(no_pidfd == 0, Errc::unsupported, "pidfd_open: {} (Linux 5.3 or newer is needed)",
            ::strerrordesc_np(no_pidfd));
    require(!in_namespace, Errc::refused,
            "cannot start {}: entering its network namespace failed: {} (this requires root or "
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
  // The pid is safe to use because the child is not reaped yet: no other process or group can have
  // this number. If the program has moved to another process group, also signal the program itself.
  ::kill(-pid_, number);
  if (::getpgid(pid_) != pid_) ::kill(pid_, number);
}

std::optional<ChildEnd> ChildProcess::end() const {
  siginfo_t info{};
  // WNOWAIT leaves the child for the destructor to reap.
  const int result = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
  if (result != 0) fail_errno(errno, fmt::format("waitid of process {}", pid_));
  if (info.si_pid == 0) return std::nullopt;
  return info.si_code == CLD_EXITED ? ChildEnd{info.si_status, 0} : ChildEnd{0, info.si_status};
}

}  // namespace symmem
