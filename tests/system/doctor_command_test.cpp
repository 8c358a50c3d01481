// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "context/builtin.hpp"
#include "harness/program.hpp"
#include "harness/progress.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

Words doctor_words(const Words& more = {}) {
  Words all = {program_of_build("symmem"), "doctor"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

struct Line {
  std::string state, detail, fix;
  bool needed = false;
};

/// The lines of `doctor --json`, by name.
struct Report {
  explicit Report(const Ran& ran) : code(ran.code) {
    INFO(ran.output << ran.errors);
    const auto json = nlohmann::json::parse(ran.output);
    works = json["works"];
    for (const auto& check : json["checks"])
      lines[check["name"]] = {check["state"], check["detail"], check["fix"], check["needed"]};
  }
  const Line& at(const std::string& name) const {
    REQUIRE_MESSAGE(lines.count(name) == 1, name);
    return lines.at(name);
  }

  int code;
  bool works = false;
  std::map<std::string, Line> lines;
};

Report doctor(const Environment& more = {}) {
  return Report(run_program(doctor_words({"--json"}), more));
}

bool built_with_ucx() {
  const Words names = builtin_transport_names();
  return std::count(names.begin(), names.end(), "ucx") == 1;
}

/// RAII: lowers the soft limit of open files of this process and of the processes that it starts.
struct LowLimit {
  explicit LowLimit(rlim_t files) {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const rlimit low{files, before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  }
  ~LowLimit() { ::setrlimit(RLIMIT_NOFILE, &before); }
  rlimit before{};
};

}  // namespace

TEST_CASE("doctor finds that host memory works here, and tests every transport") {
  const Ran ran = run_program(doctor_words());
  INFO(ran.output << ran.errors);
  CHECK(ran.code == 0);
  CHECK(ran.errors.empty());
  CHECK(ran.output.ends_with("host memory between ranks of this host: works\n"));
  CHECK(ran.says("ok      self test shm"));
  for (const std::string& name : builtin_transport_names()) CHECK(ran.says(" self test " + name));
  CHECK_FALSE(ran.says("\033["));
}

TEST_CASE("doctor --json has a state for each check, and a fix for each check that is not ok") {
  const Report report = doctor();
  CHECK(report.code == 0);
  CHECK(report.works);
  for (const char* name :
       {"memfd", "fd passing", "store", "open files", "mappings", "run --netns", "libucp",
        "one UCX", "network devices", "UCX transports", "locked memory", "CUDA driver"})
    report.at(name);
  for (const auto& [name, line] : report.lines) {
    INFO(name);
    const bool known = line.state == "ok" || line.state == "FAIL" || line.state == "absent";
    CHECK(known);
    CHECK_FALSE(line.detail.empty());
    CHECK(line.fix.empty() == (line.state == "ok"));
    if (line.needed) CHECK(line.state == "ok");
  }
}

TEST_CASE("doctor tests its own ranks, regardless of the job in which it runs") {
  const Report report = doctor({{"SYMMEM_RANK", "3"},
                                {"SYMMEM_WORLD_SIZE", "4"},
                                {"SYMMEM_LOCAL_RANK", "1"},
                                {"SYMMEM_STORE", "tcp://127.0.0.1:1"},
                                {"SYMMEM_TRANSPORTS", "^shm"},
                                {"SYMMEM_REQUIRE", "ucx"},
                                {"SYMMEM_SECRET", "open sesame"}});
  CHECK(report.code == 0);
  CHECK_MESSAGE(report.at("self test shm").state == "ok", report.at("self test shm").detail);
}

TEST_CASE("if UCX is installed, doctor's ranks reach each other through UCX") {
  const Report report = doctor();
  if (report.at("libucp").state != "ok") return skip(report.at("libucp").detail);
  CHECK(report.at("libucp").detail.find("UCX 1.") == 0);
  CHECK_MESSAGE(report.at("one UCX").state == "ok", report.at("one UCX").detail);
  const Line& transports = report.at("UCX transports");
  CHECK_MESSAGE((transports.state == "ok" && transports.detail.find(" on ") != std::string::npos),
                transports.detail);
  CHECK_MESSAGE(report.at("self test ucx").state == "ok", report.at("self test ucx").detail);
}

TEST_CASE(
    "if UCX_TLS excludes every network transport, doctor reports FAIL and names the available "
    "transports and the setting to change") {
  const Report before = doctor();
  if (before.at("UCX transports").state != "ok") return skip(before.at("UCX transports").detail);
  for (const char* tls : {"sm", "self,posix"}) {
    const Report report = doctor({{"UCX_TLS", tls}});
    const Line& line = report.at("UCX transports");
    INFO(line.detail);
    CHECK(line.state == "FAIL");
    CHECK(line.detail.find("no network transport left with UCX_TLS=") != std::string::npos);
    CHECK(line.detail.ends_with(before.at("UCX transports").detail));
    CHECK(line.fix.find("UCX_TLS") != std::string::npos);
  }
  const Line left = doctor({{"UCX_TLS", "tcp"}}).at("UCX transports");
  CHECK_MESSAGE((left.state == "ok" && left.detail.find("tcp on ") == 0), left.detail);
}

TEST_CASE(
    "doctor reports FAIL for a requested libucp that does not exist, and ok for shared memory") {
  if (!built_with_ucx()) return;
  const Report report = doctor({{"SYMMEM_UCX_LIBRARY", "/nonexistent"}});
  CHECK(report.code == 0);
  for (const char* name : {"libucp", "self test ucx"}) {
    CHECK(report.at(name).state == "FAIL");
    CHECK(report.at(name).detail.find("/nonexistent") != std::string::npos);
  }
  CHECK(report.at("libucp").fix.find("SYMMEM_UCX_LIBRARY=") != std::string::npos);
  CHECK(report.at("one UCX").detail == "no UCX is loaded");
  CHECK(report.at("self test shm").state == "ok");
}

TEST_CASE("doctor reports FAIL for a UCX with libraries from several directories") {
  if (!built_with_ucx()) return;
  const Report before = doctor();
  const std::string detail = before.at("one UCX").detail, start = "all libraries from ";
  if (detail.find(start) != 0) return skip(before.at("libucp").detail);
  char directory[] = "/tmp/symmem-doctor-XXXXXX";
  REQUIRE(::mkdtemp(directory) != nullptr);
  const fs::path copy = fs::path(directory) / "libucp.so.0";
  fs::copy_file(fs::path(detail.substr(start.size())) / "libucp.so.0", copy);
  const Report report = doctor({{"SYMMEM_UCX_LIBRARY", copy}});
  fs::remove_all(directory);
  CHECK(report.code == 0);
  // A UCX that searches for its other libraries in its own directory does not find them here.
  if (report.at("libucp").state != "ok") return skip(report.at("libucp").detail);
  const Line& line = report.at("one UCX");
  CHECK(line.state == "FAIL");
  CHECK_MESSAGE(line.detail.find(directory) != std::string::npos, line.detail);
}

TEST_CASE("doctor reports FAIL for an absent network device and names the devices that exist") {
  const Report report = doctor({{"SYMMEM_INTERFACE", "nowhere0"}});
  CHECK(report.code == 0);
  const Line& line = report.at("network devices");
  CHECK(line.state == "FAIL");
  CHECK(line.detail.find("SYMMEM_INTERFACE=\"nowhere0\"") == 0);
  CHECK(line.fix.find("SYMMEM_INTERFACE=") != std::string::npos);
  if (report.at("libucp").state == "ok") CHECK(report.at("self test ucx").state == "FAIL");
}

TEST_CASE("doctor fails if the limit of open files is too low") {
  const LowLimit low(100);
  const Report report = doctor();
  CHECK(report.code == 1);
  CHECK_FALSE(report.works);
  const Line& line = report.at("open files");
  CHECK(line.state == "FAIL");
  CHECK(line.needed);
  CHECK(line.detail.find("RLIMIT_NOFILE is 100 ") == 0);
  CHECK(line.fix.find("ulimit -n 4096") == 0);
}

TEST_CASE("doctor and its self test fail if descriptors cannot be passed") {
  const Ran ran = run_program(doctor_words(), {{"SYMMEM_SOCKET_DIR", "/dev/null"}});
  INFO(ran.output << ran.errors);
  CHECK(ran.code == 1);
  CHECK(ran.says("FAIL    fd passing            SYMMEM_SOCKET_DIR"));
  CHECK(ran.says("FAIL    self test shm         rank "));
  CHECK(ran.says("fix: allow AF_UNIX sockets in the sandbox; with SYMMEM_SOCKET_DIR: chmod 700"));
  CHECK(ran.output.ends_with("host memory between ranks of this host: does not work\n"));
}

TEST_CASE("doctor names a bad option in one line") {
  const Ran ran = run_program(doctor_words(), {{"SYMMEM_TIMEOUT", "soon"}});
  CHECK(ran.code == 2);
  CHECK(ran.errors.find("symmem: SYMMEM_TIMEOUT=\"soon\" is not allowed: give a time") == 0);
}
