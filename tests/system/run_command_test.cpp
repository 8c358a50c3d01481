// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>

#include <algorithm>
#include <filesystem>

#include "harness/ranks.hpp"
#include "system/run.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

std::vector<std::string> sorted_lines(const std::string& text) {
  std::vector<std::string> lines;
  LineSplitter splitter;
  splitter.feed(text, [&lines](std::string_view line) { lines.emplace_back(line); });
  std::sort(lines.begin(), lines.end());
  return lines;
}

/// `symmem run` with one rank that runs until it is killed.
struct Running {
  ChildProcesses program{
      [this](int, ChildStream, std::string_view line) { lines.emplace_back(line); }};
  std::vector<std::string> lines;
  Fd rank;  ///< The pidfd of the rank; readable once the rank has died.

  Running() {
    program.start({run_words({"-n", "1", "sh", "-c", "echo $$; exec tail -f /dev/null"}),
                   process_environment()});
    const Deadline deadline = Deadline::in(RanksSettings().deadline, {});
    while (lines.empty() && !deadline.expired())
      program.wait(0, Deadline::in(std::chrono::milliseconds(10), {}));
    REQUIRE(lines.size() == 1);
    const std::string pid = lines[0].substr(std::string("[0] ").size());
    rank = Fd(static_cast<int>(::syscall(SYS_pidfd_open, std::stoi(pid), 0)));
    REQUIRE(rank);
  }
  ChildEnd end() { return program.wait(0, Deadline::in(RanksSettings().deadline, {})).value(); }
  bool rank_dies() const {
    pollfd died{rank.get(), POLLIN, 0};
    return ::poll(&died, 1, static_cast<int>(RanksSettings().deadline.count())) == 1;
  }
};

}  // namespace

TEST_CASE("each rank gets its rank variables, and its output lines begin with its rank") {
  const Ran ran = run({"-n", "3", "sh", "-c",
                       "echo $SYMMEM_RANK $SYMMEM_LOCAL_RANK of $SYMMEM_WORLD_SIZE; echo e >&2"});
  CHECK(ran.code == 0);
  CHECK(sorted_lines(ran.output) == Words{"[0] 0 0 of 3", "[1] 1 1 of 3", "[2] 2 2 of 3"});
  CHECK(sorted_lines(ran.errors) == Words{"[0] e", "[1] e", "[2] e"});
}

TEST_CASE("output lines of several ranks stay whole, also if there are many") {
  const Ran ran = run({"-n", "4", "sh", "-c", "yes 0123456789012345678901234567890 | head -5000"});
  const Words lines = sorted_lines(ran.output);
  CHECK(lines.size() == 20000);
  for (const std::string& line : lines)
    if (line.substr(4) != "0123456789012345678901234567890") FAIL(line);
}

TEST_CASE("ranks join, with and without a secret in the environment") {
  const Words words = {"-n", "3", program_of_build("harness_specimens"),
                       "--test-case=ranks of a launcher join"};
  for (const char* secret : {"", "open sesame"}) {
    const Ran ran = run(words, {{"SYMMEM_SECRET", secret}});
    CHECK_MESSAGE(ran.code == 0, ran.output << ran.errors);
    CHECK_FALSE(ran.says("sesame"));
  }
}

TEST_CASE("options and dashes after the program are passed to it") {
  CHECK(run({"-n", "1", "echo", "-n", "--timeout", "--", "x"}).output == "[0] --timeout -- x\n");
  CHECK(run({"-n", "1", "--", "echo", "a", "--", "-n"}).output == "[0] a -- -n\n");
}

TEST_CASE("if a rank fails, the launcher names it, stops the others and exits with its code") {
  const Ran ran =
      run({"-n", "3", "sh", "-c", "test $SYMMEM_RANK = 1 && exit 7; exec tail -f /dev/null"});
  CHECK(ran.code == 7);
  CHECK(ran.errors.find("symmem: rank 1 (pid ") == 0);
  CHECK(ran.says("exited with code 7; the other ranks were stopped"));
}

TEST_CASE("ranks run normally if descriptors 0 to 2 of the launcher are closed") {
  // The output of the ranks is lost, so the rank writes a file.
  const std::string file = "/tmp/symmem-run-" + std::to_string(::getpid());
  const Ran ran =
      run_program({"sh", "-c", R"(exec "$@" <&- >&- 2>&-)", "sh", program_of_build("symmem"), "run",
                   "-n", "1", "sh", "-c", "echo 1; echo 2; echo 3 >&2; echo done > " + file});
  CHECK(ran.code == 0);
  CHECK(std::filesystem::remove(file));
}

TEST_CASE("output that cannot be written is an error") {
  const Ran ran = run_program({"sh", "-c", R"(exec "$@" >/dev/full)", "sh",
                               program_of_build("symmem"), "run", "-n", "1", "echo", "x"});
  CHECK(ran.code == 1);
  CHECK(ran.says("could be written"));
}

TEST_CASE("if a signal kills a rank, the exit code is 128 plus the signal's number") {
  const Ran ran = run({"-n", "1", "sh", "-c", "kill -9 $$"});
  CHECK(ran.code == 128 + SIGKILL);
  CHECK(ran.says("was killed by signal 9 (SIGKILL)"));
}

TEST_CASE("when --timeout expires, the ranks are stopped and named") {
  const Ran ran = run({"-n", "2", "--timeout", "200ms", "tail", "-f", "/dev/null"});
  CHECK(ran.code == 124);
  CHECK(ran.errors == "symmem: ranks 0, 1 still ran after 200ms and were stopped\n");
}

TEST_CASE("each error of the command line is one line") {
  const auto fails = [](const Words& words, int code, const std::string& text) {
    const Ran ran = run(words);
    INFO(ran.errors);
    CHECK(ran.code == code);
    CHECK(ran.output.empty());
    CHECK(ran.errors.find("symmem: ") == 0);
    CHECK(std::count(ran.errors.begin(), ran.errors.end(), '\n') == 1);
    CHECK(ran.says(text));
  };
  fails({"-n", "2", "no-such-program"}, 127, "cannot start \"no-such-program\": No such file");
  fails({"-n", "2"}, 2, "no program was given");
  fails({"echo"}, 2, "--ranks is required");
  fails({"-n", "3", "-x", "5", "true"}, 2, "-x is not an option of symmem run");
  fails({"-n", "3", "--timeot", "5s", "true"}, 2, "--timeot is not an option");
  for (const char* ranks : {"0", "-1", "x", "", "99999999999999999999"})
    fails({"-n", ranks, "true"}, 2, "--ranks");
  for (const char* time : {"5", "-1s", "soon", "0s"})
    fails({"-n", "1", "--timeout", time, "true"}, 2, "--timeout");
}

TEST_CASE("SIGTERM to the launcher is passed to the ranks, and the exit code is 143") {
  Running running;
  running.program.signal(0, SIGTERM);
  CHECK(running.rank_dies());
  CHECK(running.end().exit_code == 128 + SIGTERM);
  CHECK(running.lines.back() == "symmem: signal 15 (SIGTERM) stopped the ranks");
}

TEST_CASE("when the launcher is killed, its ranks are killed, too") {
  Running running;
  running.program.signal(0, SIGKILL);
  CHECK(running.rank_dies());
}
