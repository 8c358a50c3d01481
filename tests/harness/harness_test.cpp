// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

#include <future>
#include <thread>

#include "harness/program.hpp"
#include "harness/ranks.hpp"
#include "harness/resources.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

/// Runs the test cases of specimens.cpp that match `filter`. Some of the test cases fail on
/// purpose.
Ran run_specimens(const std::string& filter) {
  return run_program(
      {program_of_build("harness_specimens"), "--no-colors", "--test-case=" + filter});
}

}  // namespace

TEST_CASE("each rank process runs the body with its own rank, and all share the control store") {
  run_ranks(3, [](RankProcess& self) {
    CHECK(self.world_size == 3);
    self.control.set("rank" + std::to_string(self.rank), "here");
    self.control.wait({"rank0", "rank1", "rank2"});
  });
}

TEST_CASE(
    "a test case whose name contains a comma, such as this, and a \\ runs in rank processes") {
  run_ranks(1, [](RankProcess& self) { CHECK(self.rank == 0); });
}

TEST_CASE("a failed check in a rank fails the test and prints the rank's output") {
  const Ran ran = run_specimens("check fails in rank 1");
  CHECK(ran.code == 1);
  CHECK(ran.says("rank 1 exited with code 1"));
  CHECK(ran.says("[1] "));
  CHECK(ran.says("CHECK( self.rank == 0 ) is NOT correct!"));
  CHECK(ran.says("specimens.cpp"));
}

TEST_CASE("a failed requirement in a rank fails the test") {
  const Ran ran = run_specimens("requirement fails in rank 0");
  CHECK(ran.code == 1);
  CHECK(ran.says("REQUIRE( self.rank == 1 ) is NOT correct!"));
  CHECK_FALSE(ran.says("unknown kind"));
}

TEST_CASE("an exception in a rank fails the test and prints its text") {
  const Ran ran = run_specimens("exception in rank 1");
  CHECK(ran.code == 1);
  CHECK(ran.says("exception: the reason"));
}

TEST_CASE("a signal that kills a rank fails the test, and the failure names the rank") {
  const Ran ran = run_specimens("rank 0 is killed*");
  CHECK(ran.code == 1);
  CHECK(ran.says("rank 0 was killed by signal 9 (SIGKILL)"));
}

TEST_CASE("a rank that hangs is killed at the deadline, and the failure names the rank") {
  const Ran ran = run_specimens("rank 1 hangs");
  CHECK(ran.code == 1);
  CHECK(ran.says("ranks 1 still ran after 3s and were killed"));
}

TEST_CASE("each of several run_ranks calls in a test case runs its own body") {
  const Ran ran = run_specimens("the second call*");
  CHECK(ran.code == 1);
  CHECK(ran.says("second body"));
}

TEST_CASE("a program exits with code 77 only if all its test cases are skipped") {
  const Ran skipped = run_specimens("skipped");
  CHECK(skipped.code == 77);
  CHECK(skipped.says("SKIPPED: skipped: for a reason"));
  CHECK(run_specimens("*skipped").code == 0);
}

TEST_CASE("a test controls its ranks with signals and the control store") {
  Ranks ranks(2, [](RankProcess& self) {
    self.control.set("up" + std::to_string(self.rank), "");
    self.control.get("go");
  });
  ranks.control().wait({"up0", "up1"});
  ranks.signal(0, SIGSTOP);
  ranks.signal(1, SIGKILL);
  CHECK(ranks.wait(1).end.signal == SIGKILL);
  ranks.control().set("go", "");
  ranks.signal(0, SIGCONT);
  CHECK_FALSE(ranks.wait(0).end.failed());
}

TEST_CASE("a test sets the environment of each rank") {
  RanksSettings settings;
  settings.environment = {{"SYMMEM_HOST_ID", "all"}, {"SYMMEM_LOCAL_RANK", ""}};
  settings.environment_of[1] = {{"SYMMEM_HOST_ID", "other"}};
  run_ranks(
      2,
      [](RankProcess& self) {
        const Environment environment = process_environment();
        CHECK(value_of(environment, "SYMMEM_HOST_ID") == (self.rank == 0 ? "all" : "other"));
        CHECK(environment.count("SYMMEM_LOCAL_RANK") == 0);
      },
      settings);
}

TEST_CASE(
    "changes() lists the resources that remain, with their counts, and no released resources") {
  const Resources before = Resources::now();
  CHECK(before.changes() == "");
  {
    const Fd descriptor(::memfd_create("symmem-harness", MFD_CLOEXEC));
    void* memory = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, descriptor.get(), 0);
    std::promise<void> end;
    std::thread thread([&end] { end.get_future().wait(); });
    const std::string changes = before.changes();
    CHECK(changes.find("fd /memfd:symmem-harness (deleted): 0 -> 1") != std::string::npos);
    CHECK(changes.find("mapping /memfd:symmem-harness (deleted): 0 -> 1") != std::string::npos);
    CHECK(changes.find("thread ") != std::string::npos);
    end.set_value();
    thread.join();
    ::munmap(memory, 4096);
  }
  CHECK(before.changes() == "");
}

TEST_CASE("a joined thread is not counted, although the kernel may still list it") {
  for (int i = 0; i < 1000; ++i) {
    std::thread([] {}).join();
    const Resources before = Resources::now();
    REQUIRE(before.changes() == "");
  }
}

TEST_CASE("run_ranks leaks no resources") {
  run_ranks(1, [](RankProcess&) {});
  const Resources before = Resources::now();
  run_ranks(2, [](RankProcess&) {});
  CHECK(before.changes() == "");
}
