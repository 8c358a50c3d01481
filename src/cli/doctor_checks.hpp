// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "symmem/options.hpp"

namespace symmem::cli {

/// One thing that symmem needs of this machine.
struct Check {
  std::string name;
  /// Without it ranks of one host do not reach each other's host memory.
  bool needed = false;
  /// Returns what was found. Error(unsupported): it is not there, which is a failure only if it is
  /// needed. Any other Error: it is there and does not work, or is not what was asked for.
  std::function<std::string(const Options&)> run;
  std::string fix;  ///< The command or setting that mends it.
};

/// What each transport needs, in the order in which they are to run.
std::vector<Check> host_checks();
std::vector<Check> library_checks();

/// Two ranks of this program, started anew, use each other's memory, one check a transport.
std::vector<Check> self_tests();
/// What each of them does. Throws Error for what goes wrong, wrong data included.
void run_self_test_rank();

/// A store at the loopback address, where jobs of one host have theirs.
std::string check_store(const Options& options);
/// libucp, opened as the transport ucx does. Returns its version.
std::string check_ucx_library(const Options& options);
/// What UCX has to reach other hosts by, and what the user's settings leave of that.
std::string check_ucx_transports(const Options& options);
/// CUDA's driver and its devices. Returns their number.
std::string check_cuda(const Options& options);

}  // namespace symmem::cli
