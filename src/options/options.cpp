// SPDX-License-Identifier: Apache-2.0
#include "options/options.hpp"

#include <fmt/format.h>

#include "base/check.hpp"
#include "base/log.hpp"
#include "base/parse.hpp"

namespace symmem {
namespace {

[[noreturn]] void refuse(const OptionRow& row, const std::string& text) {
  fail(Errc::invalid_argument, "{}={} is not allowed: give {}", row.name,
       row.hidden ? "(hidden)" : in_quotes(text), row.form);
}

/// Returns the name of the option with the smallest edit distance to `name`, or an empty string if
/// no name is similar.
std::string nearest_option(const std::string& name) {
  std::string nearest;
  std::size_t least = 5;  // A distance of 5 or more indicates a different name.
  for (const OptionRow& row : option_table())
    if (const std::size_t distance = edit_distance(name, row.name); distance < least) {
      least = distance;
      nearest = row.name;
    }
  return nearest;
}

std::string shown_value(const OptionRow& row, const Options& options) {
  const std::string value = row.show(options);
  if (value.empty()) return "(not set)";
  return row.hidden ? "(set)" : value;
}

}  // namespace

Options read_options(const Environment& environment) {
  Options options;
  for (const OptionRow& row : option_table()) {
    const std::string text(value_of(environment, row.name));
    if (!text.empty() && !row.read(options, text)) refuse(row, text);
  }
  return options;
}

void check_options(const Options& options) {
  Options scratch;
  for (const OptionRow& row : option_table()) {
    const std::string text = row.show(options);
    if (!text.empty() && !row.read(scratch, text)) refuse(row, text);
  }
}

std::vector<std::string> unknown_option_warnings(const Environment& environment) {
  std::vector<std::string> warnings;
  for (auto at = environment.lower_bound("SYMMEM_");
       at != environment.end() && at->first.starts_with("SYMMEM_"); ++at) {
    bool known = false;
    for (const OptionRow& row : option_table()) known = known || row.name == at->first;
    if (known) continue;
    const std::string nearest = nearest_option(at->first);
    warnings.push_back(at->first + " is set but is not an option of symmem" +
                       (nearest.empty() ? "; `symmem info` lists all options"
                                        : "; did you mean " + nearest + "?"));
  }
  return warnings;
}

Options Options::from_env() {
  const Environment environment = process_environment();
  Options options = read_options(environment);
  const Log log(options.log);
  for (const std::string& warning : unknown_option_warnings(environment)) log.warn("{}", warning);
  return options;
}

std::vector<ShownOption> show_options(const Options& options, const Environment& environment) {
  std::vector<ShownOption> shown;
  for (const OptionRow& row : option_table()) {
    const std::string value = row.show(options);
    const std::string text(value_of(environment, row.name));
    // Ignore a value that is not allowed. Options::from_env() throws an Error for such a value.
    Options defaults, from_environment;
    const bool named = !text.empty() && row.read(from_environment, text);
    const std::string origin = value != row.show(named ? from_environment : defaults) ? "program"
                               : named ? "environment"
                                       : "default";
    shown.push_back({row.name, shown_value(row, options), origin, row.help});
  }
  return shown;
}

std::string options_markdown() {
  std::string text =
      "# Options\n\n"
      "Each option is an environment variable and a field of `symmem::Options`. A field that\n"
      "the program assigns takes precedence over the variable. A Context reads the options\n"
      "once. An empty variable counts as not set. A value that is not allowed causes an error.\n"
      "An unknown `SYMMEM_*` variable causes a warning. `symmem info` prints each value and its\n"
      "origin.\n\n"
      "`symmem info --options-markdown` generates this page.\n\n"
      "| variable | default | allowed | meaning |\n| --- | --- | --- | --- |\n";
  for (const OptionRow& row : option_table()) {
    const std::string value = row.show(Options());
    text += fmt::format("| `{}` | {} | {} | {} |\n", row.name,
                        value.empty() ? "not set" : "`" + value + "`", row.form, row.help);
  }
  return text;
}

}  // namespace symmem
