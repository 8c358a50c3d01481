// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/environment.hpp"

namespace symmem::harness {

/// How a program that a test ran has ended, and what it wrote.
struct Ran {
  int code = 0;  ///< As a shell's $?.
  std::string output, errors;

  bool says(const std::string& text) const {
    return (output + errors).find(text) != std::string::npos;
  }
};

/// Runs a program to its end, with this process's environment and `more` (an empty value unsets).
/// The test case fails if it does not end in time.
Ran run_program(const std::vector<std::string>& words, const Environment& more = {});

/// The path of another program of this build.
std::string program_of_build(const std::string& name);

/// This process's environment with the changes of `more`; an empty value unsets.
Environment environment_with(const Environment& more);

}  // namespace symmem::harness
