// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace symmem::cli {

/// Exit codes of `symmem` itself. `symmem run` also returns those of the ranks.
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kTimedOut = 124;    // As in timeout(1).
inline constexpr int kNotStarted = 127;  // As in a shell.

/// Arguments of `symmem run`. Numbers and times are unparsed text here, also in the other commands:
/// each command parses them with base/parse.hpp.
struct RunCommand {
  std::string ranks;
  std::optional<std::string> nodes;  ///< Simulated hosts; empty: all ranks on this host.
  bool namespaces = false;           ///< Give each simulated host a network namespace.
  std::string timeout = "1000000h";  ///< In effect no timeout.
  std::vector<std::string> words;
};
/// Runs the program as several ranks on this host and serves their store. Returns the exit code.
int run(const RunCommand& command);

/// Arguments of `symmem info`.
struct InfoCommand {
  bool json = false;
  bool options_markdown = false;
};
/// Prints build, transports, launch and options. Returns the exit code.
int info(const InfoCommand& command);

/// Arguments of `symmem doctor`.
struct DoctorCommand {
  bool json = false;
  bool self_test_rank = false;  ///< Run as one of the ranks of a self test.
};
/// Checks the requirements of each transport and runs a self test of each. Exits the process: with
/// 0 if ranks of this host can share host memory, else with 1. A self test rank returns 0 or
/// throws.
int doctor(const DoctorCommand& command);

/// Arguments of `symmem store`.
struct StoreCommand {
  std::string host = "127.0.0.1";
  std::string port = "0";
  std::string secret_file;
  bool insecure = false;
};
/// Serves any number of jobs until SIGINT, SIGTERM or SIGHUP. Returns the exit code.
int store(const StoreCommand& command);

/// One property of this build, by name: "compiler", "type", "sanitizers".
struct BuildFact {
  std::string name, value;
};
std::string version();
std::vector<BuildFact> build_facts();

}  // namespace symmem::cli
