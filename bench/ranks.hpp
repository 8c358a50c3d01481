// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace symmem::bench {

/// Runs `words` (program and arguments). Returns the lines of its stdout; forwards its stderr.
/// Throws Error(internal) if it fails or runs for more than two minutes.
std::vector<std::string> run_program(const std::vector<std::string>& words);

/// Runs this program with `arguments` as the `count` ranks of a new job. Returns the lines of rank
/// 0's stdout. Throws as run_program does.
std::vector<std::string> run_ranks(int count, const std::vector<std::string>& arguments);

}  // namespace symmem::bench
