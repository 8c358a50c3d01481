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

/// Child processes that run shell scripts, and their output.
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
  /// Waits until `child` has written its first line.
  void wait_for_line(int child) {
    while (output[child].empty() && !kAmple.expired())
      children.wait(child, Deadline::in(10ms, 10ms));
    REQUIRE_FALSE(output[child].empty());
  }
};

using Lines = std::vector<std::string>;

/// A script that runs until it is killed.
const std::string kEndless = "echo up; exec tail -f /dev/null";

bool exists(pid_t pid) { return ::kill(pid, 0) == 0; }

}  // namespace

TEST_CASE("each line is passed complete and with its stream, even a last line without a newline") {
  Scripts scripts;
  const int child = scripts.start("printf 'a\\nb'; printf 'c\\n\\nlast'; echo oops >&2; exit 3");
  const auto end = scripts.children.wait(child, kAmple);
  REQUIRE(end);
  CHECK(end->exit_code == 3);
  CHECK(end->text() == "exited with code 3");
  CHECK(scripts.output[child] == Lines{"a", "bc", "", "last"});
  CHECK(scripts.errors[child] == Lines{"oops"});
}

TEST_CASE("output larger than a pipe buffer is read completely") {
  Scripts scripts;
  const int child = scripts.start("seq 1 100000");
  REQUIRE(scripts.children.wait(child, kAmple));
  CHECK(scripts.output[child].size() == 100000);
  CHECK(scripts.output[child].back() == "100000");
}

TEST_CASE("LineSplitter passes a very long line in parts") {
  LineSplitter splitter;
  std::size_t lines = 0, bytes = 0;
  const auto count = [&](std::string_view line) {
    ++lines;
    bytes += line.size();
  };
  for (int i = 0; i < 100; ++i) splitter.feed(std::string(10000, 'x'), count);
  splitter.finish(count);
  CHECK(lines > 10);
  CHECK(bytes == 1'000'000);
}

TEST_CASE("a child has exactly the environment of its command") {
  Scripts scripts;
  const int child = scripts.start("echo $RANK", {{"RANK", "7"}});
  const int bare = scripts.children.start({{"/usr/bin/env"}, {{"ONLY", "this"}}});
  scripts.children.wait_all(kAmple);
  CHECK(scripts.output[child] == Lines{"7"});
  CHECK(scripts.output[bare] == Lines{"ONLY=this"});
}

TEST_CASE("a child inherits no descriptors of other children") {
  Scripts scripts;
  const int alone = scripts.start("ls /proc/self/fd");
  REQUIRE(scripts.children.wait(alone, kAmple));
  scripts.wait_for_line(scripts.start(kEndless));
  const int second = scripts.start("ls /proc/self/fd");
  REQUIRE(scripts.children.wait(second, kAmple));
  CHECK(scripts.output[second].size() >= 3);
  CHECK(scripts.output[second] == scripts.output[alone]);
}

TEST_CASE("the error for a program that cannot be started contains its name") {
  Scripts scripts;
  CHECK_THROWS_WITH_AS(scripts.children.start({{"no-such-program"}, {}}),
                       "cannot start \"no-such-program\": No such file or directory", Error);
  CHECK_THROWS_WITH_AS(scripts.children.start({{"/etc/passwd"}, {}}),
                       "cannot start \"/etc/passwd\": Permission denied", Error);
  CHECK_THROWS_AS(scripts.children.start({{}, {}}), Error);
  CHECK(scripts.children.count() == 0);
}

TEST_CASE("a child continues to run after the deadline of wait()") {
  Scripts scripts;
  const int child = scripts.start(kEndless);
  CHECK_FALSE(scripts.children.wait(child, Deadline::in(1ms, 1ms)));
  scripts.children.signal(child, SIGTERM);
  const auto end = scripts.children.wait(child, kAmple);
  REQUIRE(end);
  CHECK(end->text() == "was killed by signal 15 (SIGTERM)");
  CHECK(end->shell_code() == 143);
}

TEST_CASE("wait_all reports success if all children succeed") {
  Scripts scripts;
  for (int i = 0; i < 3; ++i) scripts.start("exit 0");
  CHECK(scripts.children.wait_all(kAmple).cause == JobEnd::Cause::all_succeeded);
}

TEST_CASE("the first failed child is reported, and the other children are stopped") {
  Scripts scripts;
  scripts.start(kEndless);
  const int failing = scripts.start("exit 5");
  scripts.start(kEndless);
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

TEST_CASE("wait_all reports the children that are still running at the deadline") {
  Scripts scripts;
  scripts.start("exit 0");
  scripts.start(kEndless);
  REQUIRE(scripts.children.wait(0, kAmple));
  const JobEnd end = scripts.children.wait_all(Deadline::in(1ms, 1ms));
  CHECK(end.cause == JobEnd::Cause::deadline);
  CHECK(end.unfinished == std::vector<int>{1});
}

TEST_CASE("a signal to this process is sent to the children and ends the wait") {
  const SignalFd signals{SIGTERM, SIGINT};
  Scripts scripts;
  const int child = scripts.start(kEndless);
  scripts.wait_for_line(child);
  ::kill(::getpid(), SIGINT);
  const JobEnd end = scripts.children.wait_all(kAmple, &signals);
  CHECK(end.cause == JobEnd::Cause::signal);
  CHECK(end.signal == SIGINT);
  CHECK(scripts.children.end(child)->signal == SIGINT);
}

TEST_CASE("the destructor kills children and grandchildren, and leaves no zombie") {
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
  // Another process may reap the grandchild later, so a zombie counts as dead.
  const auto dead = [grandchild] {
    if (!exists(grandchild)) return true;
    Scripts probe;
    const int ps = probe.start("sed 's/.*) //' /proc/" + std::to_string(grandchild) + "/stat");
    probe.children.wait(ps, kAmple);
    return probe.output[ps].empty() || probe.output[ps][0].front() == 'Z';
  };
  while (!dead() && !kAmple.expired()) {
  }
  CHECK(dead());
}

TEST_CASE("a grandchild that keeps the pipes open does not delay the wait") {
  Scripts scripts;
  const int child = scripts.start("tail -f /dev/null & echo done");
  REQUIRE(scripts.children.wait(child, kAmple));
  CHECK(scripts.output[child] == Lines{"done"});
}
