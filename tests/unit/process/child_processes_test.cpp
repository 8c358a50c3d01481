// SPDX-License-Identifier: Apache-2.0
#include "process/child_processes.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "symmem/error.hpp"

using namespace symmem;
using namespace std::chrono_literals;

namespace {

const Deadline kAmple = Deadline::in(120s, 120s);

/// Children that are shell scripts, and the lines that they wrote.
struct Scripts {
  ChildProcesses children{[this](int child, ChildStream stream, std::string_view line) {
    (stream == ChildStream::output ? output : errors)[child].emplace_back(line);
  }};
  std::map<int, std::vector<std::string>> output, errors;

  int start(const std::string& script, const Environment& more = {}) {
    Environment environment = process_environment();
    for (const auto& [name, value] : more) environment[name] = value;
    return children.start({{"/bin/sh", "-c", script}, environment});
  }
  /// Returns once `child` wrote its first line.
  void wait_for_line(int child) {
    while (output[child].empty() && !kAmple.expired())
      children.wait(child, Deadline::in(10ms, 10ms));
    REQUIRE_FALSE(output[child].empty());
  }
};

using Lines = std::vector<std::string>;

/// A script that runs until it is killed: it reads a pipe that nobody writes.
const std::string kForEver = "echo up; exec tail -f /dev/null";

bool exists(pid_t pid) { return ::kill(pid, 0) == 0; }

}  // namespace

TEST_CASE("a child's lines come whole, each with its stream, the last without newline too") {
  Scripts scripts;
  const int child = scripts.start("printf 'a\\nb'; printf 'c\\n\\nlast'; echo oops >&2; exit 3");
  const auto end = scripts.children.wait(child, kAmple);
  REQUIRE(end);
  CHECK(end->exit_code == 3);
  CHECK(end->text() == "exited with code 3");
  CHECK(scripts.output[child] == Lines{"a", "bc", "", "last"});
  CHECK(scripts.errors[child] == Lines{"oops"});
}

TEST_CASE("output larger than a pipe is read to its end") {
  Scripts scripts;
  const int child = scripts.start("seq 1 100000");
  REQUIRE(scripts.children.wait(child, kAmple));
  CHECK(scripts.output[child].size() == 100000);
  CHECK(scripts.output[child].back() == "100000");
}

TEST_CASE("a line without end does not fill the memory") {
  LineCutter cutter;
  std::size_t lines = 0, bytes = 0;
  const auto count = [&](std::string_view line) {
    ++lines;
    bytes += line.size();
  };
  for (int i = 0; i < 100; ++i) cutter.feed(std::string(10000, 'x'), count);
  cutter.finish(count);
  CHECK(lines > 10);
  CHECK(bytes == 1'000'000);
}

TEST_CASE("a child sees the environment it was given, and no other") {
  Scripts scripts;
  const int child = scripts.start("echo $RANK", {{"RANK", "7"}});
  const int bare = scripts.children.start({{"/usr/bin/env"}, {{"ONLY", "this"}}});
  scripts.children.wait_all(kAmple);
  CHECK(scripts.output[child] == Lines{"7"});
  CHECK(scripts.output[bare] == Lines{"ONLY=this"});
}

TEST_CASE("a child gets no descriptor of its sisters") {
  Scripts scripts;
  const int alone = scripts.start("ls /proc/self/fd");
  REQUIRE(scripts.children.wait(alone, kAmple));
  scripts.wait_for_line(scripts.start(kForEver));
  const int second = scripts.start("ls /proc/self/fd");
  REQUIRE(scripts.children.wait(second, kAmple));
  CHECK(scripts.output[second].size() >= 3);
  CHECK(scripts.output[second] == scripts.output[alone]);
}

TEST_CASE("a program that cannot be started is an error that names it") {
  Scripts scripts;
  CHECK_THROWS_WITH_AS(scripts.children.start({{"no-such-program"}, {}}),
                       "cannot start \"no-such-program\": No such file or directory", Error);
  CHECK_THROWS_WITH_AS(scripts.children.start({{"/etc/passwd"}, {}}),
                       "cannot start \"/etc/passwd\": Permission denied", Error);
  CHECK_THROWS_AS(scripts.children.start({{}, {}}), Error);
  CHECK(scripts.children.count() == 0);
}

TEST_CASE("the deadline of a wait passes without harm to the child") {
  Scripts scripts;
  const int child = scripts.start(kForEver);
  CHECK_FALSE(scripts.children.wait(child, Deadline::in(1ms, 1ms)));
  scripts.children.signal(child, SIGTERM);
  const auto end = scripts.children.wait(child, kAmple);
  REQUIRE(end);
  CHECK(end->text() == "was killed by signal 15 (SIGTERM)");
  CHECK(end->shell_code() == 143);
}

TEST_CASE("all succeed, and the job does") {
  Scripts scripts;
  for (int i = 0; i < 3; ++i) scripts.start("exit 0");
  CHECK(scripts.children.wait_all(kAmple).cause == JobEnd::Cause::all_succeeded);
}

TEST_CASE("the first failure ends the others and is the one that is named") {
  Scripts scripts;
  scripts.start(kForEver);
  const int failing = scripts.start("exit 5");
  scripts.start(kForEver);
  const JobEnd end = scripts.children.wait_all(kAmple);
  CHECK(end.cause == JobEnd::Cause::child_failed);
  CHECK(end.child == failing);
  CHECK(scripts.children.end(0)->signal == SIGTERM);
  CHECK(scripts.children.end(2)->signal == SIGTERM);
}

TEST_CASE("a child that ignores SIGTERM is killed after the grace time") {
  Scripts scripts;
  const int stubborn = scripts.start("trap '' TERM; echo up; while :; do read x < /dev/zero; done");
  scripts.wait_for_line(stubborn);
  scripts.start("exit 1");
  CHECK(scripts.children.wait_all(kAmple).child == 1);
  CHECK(scripts.children.end(stubborn)->signal == SIGKILL);
}

TEST_CASE("the deadline names those that still ran") {
  Scripts scripts;
  scripts.start("exit 0");
  scripts.start(kForEver);
  REQUIRE(scripts.children.wait(0, kAmple));
  const JobEnd end = scripts.children.wait_all(Deadline::in(1ms, 1ms));
  CHECK(end.cause == JobEnd::Cause::deadline);
  CHECK(end.unfinished == std::vector<int>{1});
}

TEST_CASE("a signal to us is passed on and ends the wait") {
  const SignalFd signals{SIGTERM, SIGINT};
  Scripts scripts;
  const int child = scripts.start(kForEver);
  scripts.wait_for_line(child);
  ::kill(::getpid(), SIGINT);
  const JobEnd end = scripts.children.wait_all(kAmple, &signals);
  CHECK(end.cause == JobEnd::Cause::signal);
  CHECK(end.signal == SIGINT);
  CHECK(scripts.children.end(child)->signal == SIGINT);
}

TEST_CASE("the destructor kills the children and theirs, and leaves no zombie") {
  pid_t child = 0, grandchild = 0;
  {
    Scripts scripts;
    const int number = scripts.start("tail -f /dev/null & echo $!; wait");
    scripts.wait_for_line(number);
    child = scripts.children.pid(number);
    grandchild = std::stoi(scripts.output[number][0]);
    REQUIRE(exists(grandchild));
  }
  CHECK_FALSE(exists(child));
  // Whoever adopts orphans reaps the grandchild in its own time: dead is enough.
  const auto dead = [grandchild] {
    if (!exists(grandchild)) return true;
    Scripts look;
    const int ps = look.start("sed 's/.*) //' /proc/" + std::to_string(grandchild) + "/stat");
    look.children.wait(ps, kAmple);
    return look.output[ps].empty() || look.output[ps][0].front() == 'Z';
  };
  while (!dead() && !kAmple.expired()) {
  }
  CHECK(dead());
}

TEST_CASE("a child's own child that holds the pipes does not hold up the wait") {
  Scripts scripts;
  const int child = scripts.start("tail -f /dev/null & echo done");
  REQUIRE(scripts.children.wait(child, kAmple));
  CHECK(scripts.output[child] == Lines{"done"});
}
