// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "harness/errors.hpp"
#include "harness/network.hpp"
#include "harness/progress.hpp"
#include "harness/ranks.hpp"
#include "process/network_namespace.hpp"
#include "system/run.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

namespace fs = std::filesystem;

/// Returns why simulated hosts cannot have networks on this machine; empty if they can.
std::string missing() {
  const auto error = error_of([] { make_network_namespace(); });
  if (error) return error->what();
  if (error_of([] { run_program({"ip", "-V"}); })) return "no command ip (package iproute2)";
  const Ran ran = run({"-n", "1", "--nodes", "1", "--netns", "true"});
  // The tests report every other failure.
  return ran.says("Operation not permitted") ? ran.errors : "";
}

/// Returns whether the test case can run; if not, reports why it is skipped.
bool can_run() {
  static const std::string reason = missing();
  if (!reason.empty()) skip(reason);
  return reason.empty();
}

/// Returns the target of the link `path`; empty if the link no longer exists.
std::string link_at(const fs::path& path) {
  std::error_code gone;
  return fs::read_symlink(path, gone);
}

void add_entries(const fs::path& folder, const fs::path& below, std::set<std::string>& links) {
  std::error_code gone;
  for (fs::directory_iterator at(folder, gone), end; !gone && at != end; at.increment(gone))
    links.insert(link_at(below.empty() ? at->path() : at->path() / below));
}

/// Returns the network namespaces ("net:[...]") of a process's threads and open descriptors.
std::set<std::string> namespaces_of(const fs::path& process) {
  std::set<std::string> links;
  add_entries(process / "task", "ns/net", links);
  add_entries(process / "fd", {}, links);
  std::erase_if(links, [](const std::string& link) { return link.find("net:[") != 0; });
  return links;
}

std::set<std::string> all_namespaces() {
  std::set<std::string> all;
  std::error_code gone;
  for (fs::directory_iterator at("/proc", gone), end; !gone && at != end; at.increment(gone))
    all.merge(namespaces_of(at->path()));
  return all;
}

/// Lists the network devices in this process's own namespace.
std::string devices_here() { return run_program({"ip", "-br", "link"}).output; }

/// A job of two ranks on two hosts that runs until it is killed.
struct Running {
  ChildProcesses program{
      [this](int, ChildStream, std::string_view line) { lines.emplace_back(line); }};
  Words lines;
  std::vector<Fd> ranks;
  std::set<std::string> namespaces;  ///< The namespaces of the hosts and of the bridge.

  Running() {
    program.start({run_words({"-n", "2", "--nodes", "2", "--netns", "sh", "-c",
                              "echo $$; exec tail -f /dev/null"}),
                   process_environment()});
    const Deadline deadline = Deadline::in(RanksSettings().deadline, {});
    while (lines.size() < 2 && !deadline.expired())
      program.wait(0, Deadline::in(std::chrono::milliseconds(10), {}));
    REQUIRE(lines.size() == 2);
    for (const std::string& line : lines) {
      const int pid = std::stoi(line.substr(line.find(' ') + 1));
      ranks.emplace_back(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
      REQUIRE(ranks.back());
    }
    namespaces = namespaces_of("/proc/" + std::to_string(program.pid(0)));
    namespaces.erase(link_at("/proc/self/ns/net"));
  }
  void end(int number) {
    program.signal(0, number);
    const Deadline deadline = Deadline::in(RanksSettings().deadline, {});
    REQUIRE(program.wait(0, deadline));
    for (const Fd& rank : ranks) {
      pollfd died{rank.get(), POLLIN, 0};
      CHECK(::poll(&died, 1, deadline.remaining_for_poll()) == 1);
    }
  }
};

}  // namespace

TEST_CASE("each simulated host has a network namespace with its address at eth0") {
  if (!can_run()) return;
  const Ran ran = run({"-n", "3", "--nodes", "2", "--netns", "sh", "-c",
                       "readlink /proc/self/ns/net; ip -o -4 addr show; ls -x /sys/class/net"});
  CHECK(ran.code == 0);
  std::vector<std::string> lines[3];
  LineSplitter splitter;
  splitter.feed(ran.output, [&lines](std::string_view line) {
    lines[line.at(1) - '0'].emplace_back(line.substr(4));
  });
  for (const auto& of_rank : lines) REQUIRE(of_rank.size() == 4);
  CHECK(lines[0][0] == lines[1][0]);
  CHECK(lines[0][0] != lines[2][0]);
  CHECK(lines[2][0] != link_at("/proc/self/ns/net"));
  for (int rank = 0; rank < 3; ++rank) {
    CHECK(lines[rank][1].find("lo    inet 127.0.0.1/8") != std::string::npos);
    const std::string address = rank < 2 ? "10.77.0.1/24" : "10.77.0.2/24";
    CHECK_MESSAGE(lines[rank][2].find("eth0    inet " + address) != std::string::npos,
                  lines[rank][2]);
    // Libraries find the network devices in /sys/class/net.
    CHECK(lines[rank][3] == "eth0  lo");
  }
}

TEST_CASE("ranks on several hosts join across the network, and always have a secret") {
  if (!can_run()) return;
  const std::string specimen = program_of_build("harness_specimens");
  for (const char* secret : {"", "open sesame"}) {
    const Ran ran = run(
        {"-n", "3", "--nodes", "2", "--netns", specimen, "--test-case=ranks of a launcher join"},
        {{"SYMMEM_SECRET", secret}});
    CHECK_MESSAGE(ran.code == 0, ran.output << ran.errors);
    CHECK_FALSE(ran.says("sesame"));
  }
  const Words show = {"-n",      "1",  "--nodes", "1",
                      "--netns", "sh", "-c",      "echo $SYMMEM_STORE ${#SYMMEM_SECRET}"};
  CHECK(run(show).output.find("[0] tcp://10.77.0.254:") == 0);
  CHECK(run(show, {{"SYMMEM_SECRET", ""}}).output.ends_with(" 32\n"));
}

TEST_CASE("hosts reach each other by TCP, and ranks on the same host share memory") {
  if (!can_run()) return;
  const std::string specimen = program_of_build("harness_specimens");
  const Ran tcp = run({"-n", "4", "--nodes", "4", "--netns", specimen,
                       "--test-case=ranks of a launcher reach host 0 by TCP"});
  CHECK_MESSAGE(tcp.code == 0, tcp.output << tcp.errors);
  const Ran shm = run({"-n", "2", "--nodes", "1", "--netns", specimen,
                       "--test-case=ranks of a launcher share memory"});
  CHECK_MESSAGE(shm.code == 0, shm.output << shm.errors);
}

TEST_CASE("if the link of a host is down, the other hosts report its rank as lost") {
  if (!can_run()) return;
  const Ran ran = run({"-n", "2", "--nodes", "2", "--netns", program_of_build("harness_specimens"),
                       "--test-case=rank 1 of a launcher takes its host's link down"},
                      {{"SYMMEM_LIVENESS", "1s"}});
  CHECK_MESSAGE(ran.code == 0, ran.output << ran.errors);
}

TEST_CASE(
    "if the link of a host goes down during puts and gets, the other ranks continue to work") {
  if (!can_run() || !can_use_ucx()) return;
  const Ran ran = run({"-n", "3", "--nodes", "3", "--netns", program_of_build("harness_specimens"),
                       "--test-case=rank 1 of a launcher takes its host's link down while*"},
                      {{"SYMMEM_LIVENESS", "2s"}, {"SYMMEM_TIMEOUT", "20s"}});
  CHECK_MESSAGE(ran.code == 0, ran.output << ran.errors);
}

TEST_CASE("after SIGTERM or SIGKILL to the launcher, no namespace or device of the hosts remains") {
  if (!can_run()) return;
  const std::string before = devices_here();
  for (const int number : {SIGTERM, SIGKILL}) {
    Running running;
    CHECK(running.namespaces.size() == 3);
    const std::set<std::string> during = all_namespaces();
    CHECK(std::includes(during.begin(), during.end(), running.namespaces.begin(),
                        running.namespaces.end()));
    CHECK(devices_here() == before);
    running.end(number);
    const std::set<std::string> left = all_namespaces();
    for (const std::string& name_space : running.namespaces)
      CHECK_MESSAGE(left.count(name_space) == 0, name_space);
    CHECK(devices_here() == before);
  }
}

TEST_CASE("if --netns lacks rights or a command, the error is one line") {
  if (!can_run()) return;
  const auto fails = [](Words words, const std::string& text) {
    const Words command =
        run_words({"-n", "2", "--nodes", "2", "--netns", fs::canonical("/bin/true")});
    words.insert(words.end(), command.begin(), command.end());
    const Ran ran = run_program(words);
    INFO(ran.errors);
    CHECK(ran.code == 1);
    CHECK(std::count(ran.errors.begin(), ran.errors.end(), '\n') == 1);
    CHECK(ran.errors.find("symmem: ") == 0);
    CHECK(ran.says(text));
  };
  const std::string rights = "needs root, or CAP_SYS_ADMIN and CAP_NET_ADMIN";
  fails({"setpriv", "--bounding-set", "-sys_admin"}, rights);
  fails({"setpriv", "--bounding-set", "-net_admin"}, rights);
  fails({"env", "PATH=/nowhere"}, "needs the command ip of package iproute2");
}
