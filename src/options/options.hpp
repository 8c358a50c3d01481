// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "symmem/options.hpp"

namespace symmem {

/// Upper limit of the world size. It bounds the memory that a mistyped number can allocate.
inline constexpr int kMaxRanks = 1 << 20;

/// One option. Parsing, checking, `symmem info`, the start-up log and docs/options.md iterate over
/// the table of these rows.
struct OptionRow {
  std::string name;  ///< "SYMMEM_TIMEOUT"
  std::string form;  ///< Allowed values: "a time from 1ms to 1000h such as 500ms, 30s, 2m"
  std::string help;
  /// Parses `text` into the option. Returns false if the text is not allowed.
  std::function<bool(Options&, const std::string& text)> read;
  /// Returns the text that read() parses to the same value; empty if the option is not set.
  std::function<std::string(const Options&)> show;
  bool hidden = false;  ///< The value is a secret and never printed.
};
const std::vector<OptionRow>& option_table();

/// Returns the value as SYMMEM_CUDA_HANDLE spells it: "auto".
std::string to_string(CudaHandle value);

/// Does what Options::from_env() does, on the given variables and without warnings. An empty
/// variable counts as not set.
Options read_options(const Environment& environment);

/// Checks options that the program assigned against the same rules as environment variables. Throws
/// Error(invalid_argument).
void check_options(const Options& options);

/// Returns one warning for each SYMMEM_* variable that is not an option, with the nearest name.
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
