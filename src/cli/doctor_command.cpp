// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/host.hpp"
#include "cli/commands.hpp"
#include "cli/doctor_checks.hpp"
#include "options/options.hpp"
#include "symmem/error.hpp"

namespace symmem::cli {
namespace {

enum class State { ok, failed, absent };

/// The printed form of a state: a name, and an escape sequence for its colour on a terminal.
struct Style {
  const char* name;
  const char* colour;
};
Style style_of(State state) {
  switch (state) {
    case State::ok: return {"ok", "\033[32m"};
    case State::failed: return {"FAIL", "\033[31m"};
    case State::absent: break;
  }
  return {"absent", "\033[33m"};
}

/// The result of one check.
struct Finding {
  Check check;
  State state = State::ok;
  std::string detail;

  bool blocks() const { return check.needed && state != State::ok; }
};

Finding examine(const Check& check, const Options& options) {
  try {
    return {check, State::ok, check.run(options)};
  } catch (const Error& error) {
    const bool absent = error.code() == Errc::unsupported && !check.needed;
    return {check, absent ? State::absent : State::failed, error.what()};
  }
}

/// Prints one finding and flushes stdout, because a self test takes seconds.
void print(const Finding& finding, bool colours) {
  const Style style = style_of(finding.state);
  std::string detail = finding.detail;
  std::replace(detail.begin(), detail.end(), '\n', ' ');
  const auto spaces = [](char a, char b) { return a == ' ' && b == ' '; };
  detail.erase(std::unique(detail.begin(), detail.end(), spaces), detail.end());
  fmt::print("{}{:<8}{}{:<22}{}\n", colours ? style.colour : "", style.name,
             colours ? "\033[0m" : "", finding.check.name, detail);
  if (finding.state != State::ok) fmt::print("{:<30}fix: {}\n", "", finding.check.fix);
  std::fflush(stdout);
}

void print_json(const std::vector<Finding>& findings, bool works) {
  nlohmann::ordered_json json;
  json["version"] = version();
  json["host"] = host_name();
  json["works"] = works;
  for (const Finding& finding : findings)
    json["checks"].push_back({{"name", finding.check.name},
                              {"state", style_of(finding.state).name},
                              {"needed", finding.check.needed},
                              {"detail", finding.detail},
                              {"fix", finding.state == State::ok ? "" : finding.check.fix}});
  // A path may contain bytes that are not UTF-8; U+FFFD replaces these bytes.
  fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

std::vector<Check> all_checks() {
  std::vector<Check> all;
  for (const auto& some : {host_checks(), library_checks(), self_tests()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

}  // namespace

int doctor(const DoctorCommand& command) {
  if (command.self_test_rank) {
    run_self_test_rank();
    return 0;
  }
  const Environment environment = process_environment();
  const Options options = read_options(environment);
  const bool colours = ::isatty(STDOUT_FILENO) == 1 && value_of(environment, "NO_COLOR").empty();
  if (!command.json) fmt::print("symmem {} on {}\n\n", version(), host_name());
  std::vector<Finding> findings;
  for (const Check& check : all_checks()) {
    findings.push_back(examine(check, options));
    if (!command.json) print(findings.back(), colours);
  }
  const bool works = std::none_of(findings.begin(), findings.end(),
                                  [](const Finding& finding) { return finding.blocks(); });
  if (command.json)
    print_json(findings, works);
  else
    fmt::print("\nhost memory between ranks of this host: {}\n", works ? "works" : "does not work");
  std::fflush(stdout);
  // Skip destructors: mismatched libraries, which doctor detects, may crash when they are unloaded.
  ::_exit(works ? 0 : kFailed);
}

}  // namespace symmem::cli
