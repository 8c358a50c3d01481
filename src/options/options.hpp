// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "symmem/options.hpp"

namespace symmem {

/// As many ranks as a job may have: bounds what a typing error can make us allocate.
inline constexpr int kMostRanks = 1 << 20;

/// One row of the table of options: parsing, checking, `symmem info`, the start-up log and
/// docs/options.md all walk it.
struct OptionRow {
  std::string name;  ///< "SYMMEM_TIMEOUT"
  std::string form;  ///< What is allowed: "a time from 1ms to 1000h such as 500ms, 30s, 2m"
  std::string help;
  /// Sets the option; false if the text is not of the form.
  std::function<bool(Options&, const std::string& text)> read;
  /// The text that read() takes back; empty: not set.
  std::function<std::string(const Options&)> show;
  bool hidden = false;  ///< Its value is shown to nobody.
};
const std::vector<OptionRow>& option_table();

/// Options::from_env() over given variables, without the warnings. An empty variable counts as one
/// that is not set.
Options read_options(const Environment& environment);

/// Checks what the program assigned as if it had come as text. Throws Error(invalid_argument).
void check_options(const Options& options);

/// One line for each SYMMEM_* variable that is no option, with the name that was perhaps meant.
std::vector<std::string> unknown_option_warnings(const Environment& environment);

/// An option as people see it.
struct ShownOption {
  std::string name;
  std::string value;   ///< "(set)" for a hidden one, "(not set)" for an empty one.
  std::string origin;  ///< "default", "environment" or "program".
  std::string help;
};
std::vector<ShownOption> show_options(const Options& options, const Environment& environment);

/// The text of docs/options.md.
std::string options_markdown();

}  // namespace symmem
