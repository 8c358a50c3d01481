// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace symmem::bench {

/// Starts `words` (program and arguments) and returns the lines it wrote. What it says on stderr
/// goes to ours. Throws Error if it fails or takes longer than two minutes.
std::vector<std::string> run_program(const std::vector<std::string>& words);

/// Starts this program `count` times, each with `arguments` and as one rank of a job of its own,
/// and returns the lines that rank 0 wrote. Throws as run_program does.
std::vector<std::string> run_ranks(int count, const std::vector<std::string>& arguments);

}  // namespace symmem::bench
