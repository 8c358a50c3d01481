// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/environment.hpp"

namespace symmem::harness {

/// The exit code and output of a program that a test ran.
struct Ran {
  int code = 0;  ///< The value that a shell would assign to $?.
  std::string output, errors;

  bool says(const std::string& text) const {
    return (output + errors).find(text) != std::string::npos;
  }
};

/// Runs a program with environment_with(more) until the program exits. The test case fails if the
/// program does not exit in time.
Ran run_program(const std::vector<std::string>& words, const Environment& more = {});

/// Returns the path of another program of this build.
std::string program_of_build(const std::string& name);

/// Returns this process's environment with the variables in `more`. An empty value removes a
/// variable.
Environment environment_with(const Environment& more);

}  // namespace symmem::harness
