// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "symmem/options.hpp"

namespace symmem::cli {

/// One requirement of symmem on this machine, and how to check it.
struct Check {
  std::string name;
  /// Whether ranks of one host cannot share host memory without it.
  bool needed = false;
  /// Returns what was found. Throws Error(unsupported) if it is absent, which is a failure only if
  /// it is needed; throws any other Error if it is present and does not work or is not what the
  /// options request.
  std::function<std::string(const Options&)> run;
  std::string fix;  ///< The command or setting that fixes it.
};

/// Return the checks of each transport's requirements, in the order in which to run them.
std::vector<Check> host_checks();
std::vector<Check> library_checks();

/// Returns one check for each transport: two new processes of this program access each other's
/// memory.
std::vector<Check> self_tests();
/// Runs one rank of a self test. Throws Error if an operation fails or yields wrong data.
void run_self_test_rank();

/// Serves a store at the loopback address and connects to it.
std::string check_store(const Options& options);
/// Opens libucp as the transport ucx does. Returns its version.
std::string check_ucx_library(const Options& options);
/// Returns the network transports of UCX, and those that the user's settings leave.
std::string check_ucx_transports(const Options& options);
/// Initializes the CUDA driver. Returns its version and the number of devices.
std::string check_cuda(const Options& options);

}  // namespace symmem::cli
