// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "cli/commands.hpp"
#include "symmem/error.hpp"

namespace symmem::cli {
namespace {

void add_run(CLI::App& app, RunCommand& command) {
  CLI::App& run = *app.add_subcommand("run", "Run a program as several ranks on this host");
  run.add_option("-n,--ranks", command.ranks, "How many ranks")->required();
  CLI::Option* nodes = run.add_option("--nodes", command.nodes,
                                      "Spread the ranks over this many simulated hosts, in blocks");
  run.add_flag("--netns", command.namespaces,
               "Give each simulated host a network namespace (root, and ip of iproute2)")
      ->needs(nodes);
  run.add_option("--timeout", command.timeout, "End the ranks after this time (30s, 2m)");
  run.footer(
      "Then the program and its arguments: symmem run -n 4 ./program --its-own\n"
      "Each line that a rank writes gets its rank in front. The first rank that fails ends the "
      "others.\nExit code: that rank's (128 + signal if it was killed); 124 after the timeout; 127 "
      "if the program cannot be started.\n\nRanks of different simulated hosts share no memory "
      "(SYMMEM_HOST_ID). With --netns they also have networks of their own: host k has eth0 with "
      "10.77.0.<k+1>, the store is at 10.77.0.254, with a random secret unless you set one, and "
      "`ip link set eth0 down`, run by a rank, cuts its host off. All of it ends with the job.");
  run.prefix_command();
}

void add_info(CLI::App& app, InfoCommand& command) {
  CLI::App& info = *app.add_subcommand("info", "Show build, transports, launch and options");
  info.add_flag("--json", command.json, "As JSON");
  info.add_flag("--options-markdown", command.options_markdown, "The text of docs/options.md");
}

void add_doctor(CLI::App& app, DoctorCommand& command) {
  CLI::App& doctor =
      *app.add_subcommand("doctor", "Check what symmem needs of this machine, and try it");
  doctor.add_flag("--json", command.json, "As JSON");
  doctor.add_flag("--self-test-rank", command.self_test_rank)->group("");  // Not for people.
  doctor.footer(
      "Each line is ok, FAIL, or absent (what some transport needs and this machine lacks), with "
      "the command or setting that mends it.\nExit code: 0 if ranks of this host can share host "
      "memory, else 1.");
}

void add_store(CLI::App& app, StoreCommand& command) {
  CLI::App& store = *app.add_subcommand("store", "Serve a store, for any number of jobs");
  store.add_option("--host", command.host, "Name or address to listen at")->capture_default_str();
  store.add_option("--port", command.port, "Port; 0 picks a free one")->capture_default_str();
  store.add_option("--secret-file", command.secret_file,
                   "Shared secret; not given: SYMMEM_SECRET_FILE or SYMMEM_SECRET");
  store.add_flag("--insecure", command.insecure, "Listen beyond this host without a secret");
}

/// One line, whatever the message holds.
int complain(std::string text, int code) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  fmt::print(stderr, "symmem: {}\n", text);
  return code;
}

/// Cuts off what follows the first "--", and that: CLI11 would take them for ours.
std::vector<std::string> cut_at_dashes(std::vector<std::string>& words) {
  const auto dashes = std::find(words.begin(), words.end(), "--");
  std::vector<std::string> rest(dashes, words.end());
  words.erase(dashes, words.end());
  return rest;
}

/// The program and its arguments. A "--" before it ended our options; one behind it is its own.
std::vector<std::string> program_words(std::vector<std::string> words,
                                       const std::vector<std::string>& rest) {
  words.insert(words.end(), rest.begin() + (words.empty() && !rest.empty() ? 1 : 0), rest.end());
  return words;
}

int main_of(std::vector<std::string> words) {
  CLI::App app("Symmetric memory for the ranks of a multi-node application", "symmem");
  app.set_version_flag("--version", "symmem " + version());
  app.require_subcommand(1);
  RunCommand run_command;
  InfoCommand info_command;
  StoreCommand store_command;
  DoctorCommand doctor_command;
  const std::vector<std::string> rest = cut_at_dashes(words);
  add_run(app, run_command);
  add_info(app, info_command);
  add_store(app, store_command);
  add_doctor(app, doctor_command);
  try {
    std::reverse(words.begin(), words.end());  // As CLI11 wants it.
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    // --help and --version come this way, too.
    if (error.get_exit_code() == 0) return app.exit(error);
    return complain(std::string(error.what()) + " (symmem --help)", kUsage);
  }
  if (app.got_subcommand("info")) return info(info_command);
  if (app.got_subcommand("store")) return store(store_command);
  if (app.got_subcommand("doctor")) return doctor(doctor_command);
  run_command.words = program_words(app.get_subcommand("run")->remaining(), rest);
  return run(run_command);
}

}  // namespace
}  // namespace symmem::cli

int main(int count, char** words) {
  using namespace symmem::cli;
  try {
    return main_of({words + std::min(count, 1), words + count});
  } catch (const symmem::Error& error) {
    return complain(error.what(),
                    error.code() == symmem::Errc::invalid_argument ? kUsage : kFailed);
  } catch (const std::exception& error) {
    return complain(error.what(), kFailed);
  }
}
