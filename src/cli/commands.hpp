// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace symmem::cli {

/// Exit codes of `symmem` itself. `symmem run` also returns the exit code of a failed rank.
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kTimedOut = 124;    // timeout(1) uses the same code.
inline constexpr int kNotStarted = 127;  // Shells use the same code.

/// Arguments of `symmem run`. In the arguments of all commands, numbers and times are unparsed
/// text; each command parses its arguments with base/parse.hpp.
struct RunCommand {
  std::string ranks;
  std::optional<std::string> nodes;  ///< Number of simulated hosts; empty: no simulation.
  bool namespaces = false;           ///< Create a network namespace per simulated host.
  std::string timeout = "1000000h";  ///< In effect no timeout.
  std::vector<std::string> words;
};
/// Runs the program as several ranks on this host and serves the store of their job. Returns the
/// exit code.
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
  bool self_test_rank = false;  ///< Run as one rank of a self test.
};
/// Checks the requirements of each transport and runs a self test of each transport. Then exits the
/// process, with code 0 if ranks on this host can share host memory, else with code 1. In a rank of
/// a self test, runs the rank and returns 0.
int doctor(const DoctorCommand& command);

/// Arguments of `symmem store`.
struct StoreCommand {
  std::string host = "127.0.0.1";
  std::string port = "0";
  std::string secret_file;
  bool insecure = false;
};
/// Serves any number of jobs until the process receives SIGINT, SIGTERM or SIGHUP. Returns the exit
/// code.
int store(const StoreCommand& command);

/// A named property of this build. The names are "compiler", "type", "cuda" and "sanitizers".
struct BuildFact {
  std::string name, value;
};
std::string version();
std::vector<BuildFact> build_facts();

}  // namespace symmem::cli
