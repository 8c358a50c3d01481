// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace symmem::cli {

/// Exit codes, besides those of the programs that `symmem run` runs.
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kTimedOut = 124;    // As timeout(1).
inline constexpr int kNotStarted = 127;  // As a shell.

/// Numbers and times are as they were typed: each command reads them by the rules of
/// base/parse.hpp.
struct RunCommand {
  std::string ranks;
  std::optional<std::string> nodes;  ///< Simulated hosts; not given: the ranks are on this one.
  bool namespaces = false;           ///< Give each simulated host a network namespace.
  std::string timeout = "1000000h";  ///< That is, none.
  std::vector<std::string> words;
};
/// Runs the program as several ranks on this host, with a store for them. Returns the exit code.
int run(const RunCommand& command);

struct InfoCommand {
  bool json = false;
  bool options_markdown = false;
};
int info(const InfoCommand& command);

struct DoctorCommand {
  bool json = false;
  bool self_test_rank = false;  ///< Be one of the ranks that doctor starts.
};
/// Checks what each transport needs of this machine, and tries each. Ends the process: with 0 if
/// ranks of this host can share host memory, else with 1. One of its own ranks returns 0 or throws.
int doctor(const DoctorCommand& command);

struct StoreCommand {
  std::string host = "127.0.0.1";
  std::string port = "0";
  std::string secret_file;
  bool insecure = false;
};
/// Serves any number of jobs until SIGINT, SIGTERM or SIGHUP.
int store(const StoreCommand& command);

/// Facts about this build, by name: "compiler", "type", "sanitizers".
struct BuildFact {
  std::string name, value;
};
std::string version();
std::vector<BuildFact> build_facts();

}  // namespace symmem::cli
