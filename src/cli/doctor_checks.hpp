// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "symmem/options.hpp"

namespace symmem::cli {

/// A check of one requirement of symmem on this machine.
struct Check {
  std::string name;
  /// True if ranks on one host cannot share host memory without this requirement.
  bool needed = false;
  /// Performs the check and returns a description of the result. Throws Error(unsupported) if the
  /// requirement is absent, which is a failure only if `needed` is true. Throws an Error with
  /// another code if the requirement is present but does not work or contradicts the options.
  std::function<std::string(const Options&)> run;
  std::string fix;  ///< A command or setting that fixes a failed check.
};

/// host_checks and library_checks return checks of the transports' requirements, in the order of
/// execution.
std::vector<Check> host_checks();
std::vector<Check> library_checks();

/// Returns one check for each transport. The check starts two processes of this program, which
/// access each other's memory.
std::vector<Check> self_tests();
/// Runs one rank of a self test. Throws Error if an operation fails or yields wrong data.
void run_self_test_rank();

/// Serves a store on the loopback address and connects to the store. Returns the address.
std::string check_store(const Options& options);
/// Opens libucp in the same way as the ucx transport. Returns the version of UCX.
std::string check_ucx_library(const Options& options);
/// Returns the network transports of UCX that the user's settings allow and, if settings exclude
/// any, a list of all network transports.
std::string check_ucx_transports(const Options& options);
/// Initializes the CUDA driver. Returns its version and the number of devices.
std::string check_cuda(const Options& options);

}  // namespace symmem::cli
