// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "symmem/options.hpp"

namespace symmem {

/// Maximum world size. It limits the memory that is allocated for a mistyped number.
inline constexpr int kMaxRanks = 1 << 20;

/// One option: a row of the table from which options are parsed and checked, and from which `symmem
/// info`, the start-up log and docs/options.md are generated.
struct OptionRow {
  std::string name;  ///< "SYMMEM_TIMEOUT"
  std::string form;  ///< The allowed values: "a time from 1ms to 1000h such as 500ms, 30s, 2m"
  std::string help;
  /// Parses `text` and assigns the value to the option. Returns false if the text is not allowed.
  std::function<bool(Options&, const std::string& text)> read;
  /// Returns the text that read() parses to the same value; empty if the option is not set.
  std::function<std::string(const Options&)> show;
  bool hidden = false;  ///< The value is a secret and is never printed.
};
const std::vector<OptionRow>& option_table();

/// Returns the name that SYMMEM_CUDA_HANDLE uses for `value`: "auto".
std::string to_string(CudaHandle value);

/// Reads the options from `environment` like Options::from_env(), but prints no warnings. An empty
/// variable counts as not set.
Options read_options(const Environment& environment);

/// Checks fields that the program has assigned against the rules for environment variables. Throws
/// Error(invalid_argument) if a value is not allowed.
void check_options(const Options& options);

/// Returns one warning for each SYMMEM_* variable that is not an option. A warning contains the
/// most similar option name, if any.
std::vector<std::string> unknown_option_warnings(const Environment& environment);

/// One option as `symmem info` and the start-up log print it.
struct ShownOption {
  std::string name;
  std::string value;   ///< "(set)" if hidden, "(not set)" if empty.
  std::string origin;  ///< "default", "environment" or "program".
  std::string help;
};
std::vector<ShownOption> show_options(const Options& options, const Environment& environment);

/// Returns the text of docs/options.md.
std::string options_markdown();

}  // namespace symmem
