// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "base/check.hpp"
#include "base/standard_fds.hpp"
#include "cli/commands.hpp"
#include "symmem/error.hpp"

namespace symmem::cli {
namespace {

void add_run(CLI::App& app, RunCommand& command) {
  CLI::App& run = *app.add_subcommand("run", "Run a program as several ranks on this host");
  run.add_option("-n,--ranks", command.ranks, "Number of ranks")->required();
  CLI::Option* nodes =
      run.add_option("--nodes", command.nodes,
                     "Number of simulated hosts, over which the ranks are distributed in blocks");
  run.add_flag(
         "--netns", command.namespaces,
         "Give each simulated host a network namespace (needs root and the ip command of iproute2)")
      ->needs(nodes);
  run.add_option("--timeout", command.timeout, "Stop the ranks after this time, such as 30s or 2m");
  run.footer(
      "The program and its arguments follow the options: symmem run -n 4 ./program --its-own\n"
      "Each output line begins with the number of the rank that wrote it; stdin is /dev/null.\n"
      "If a rank fails, the other ranks are stopped. Exit code: the exit code of the failed rank\n"
      "(128 + signal if it was killed); 124 after the timeout; 127 if the program cannot be\n"
      "started.\n\n"
      "Ranks on different simulated hosts share no memory, because SYMMEM_HOST_ID differs. With\n"
      "--netns each host also has its own network namespace: host k has the address\n"
      "10.77.0.<k+1> on eth0. The store is at 10.77.0.254 and has a random secret if none is\n"
      "set. A rank can disconnect its host with `ip link set eth0 down`. The networks are\n"
      "removed when the job ends.");
  run.prefix_command();
}

void add_info(CLI::App& app, InfoCommand& command) {
  CLI::App& info =
      *app.add_subcommand("info", "Print build, transports, threads, launch and options");
  info.add_flag("--json", command.json, "Print JSON");
  info.add_flag("--options-markdown", command.options_markdown,
                "Print the text of docs/options.md");
}

void add_doctor(CLI::App& app, DoctorCommand& command) {
  CLI::App& doctor = *app.add_subcommand(
      "doctor", "Check the requirements of symmem on this machine and test each transport");
  doctor.add_flag("--json", command.json, "Print JSON");
  doctor.add_flag("--self-test-rank", command.self_test_rank)->group("");  // Hidden from --help.
  doctor.footer(
      "The state of a check is ok, FAIL or absent. Absent means that this machine lacks an\n"
      "optional requirement. A command or setting that fixes FAIL or absent is printed.\n"
      "Exit code: 0 if ranks on this host can share host memory, else 1.");
}

void add_store(CLI::App& app, StoreCommand& command) {
  CLI::App& store = *app.add_subcommand("store", "Serve a store for any number of jobs");
  store.add_option("--host", command.host, "Name or address on which to listen")
      ->capture_default_str();
  store.add_option("--port", command.port, "Port; 0 selects a free port")->capture_default_str();
  store.add_option("--secret-file", command.secret_file,
                   "File with the shared secret; default: SYMMEM_SECRET_FILE or SYMMEM_SECRET");
  store.add_flag("--insecure", command.insecure,
                 "Listen on addresses other than loopback even without a secret");
}

/// Prints `text` as one line to stderr and returns `code`.
int report_error(std::string text, int code) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  fmt::print(stderr, "symmem: {}\n", text);
  return code;
}

/// Removes the first "--" and all later words from `words` and returns them. CLI11 would parse
/// these words as options of symmem.
std::vector<std::string> cut_at_dashes(std::vector<std::string>& words) {
  const auto dashes = std::find(words.begin(), words.end(), "--");
  std::vector<std::string> rest(dashes, words.end());
  words.erase(dashes, words.end());
  return rest;
}

/// Returns the program and its arguments. A "--" before the program ends the options of symmem; a
/// later "--" is an argument of the program.
std::vector<std::string> program_words(std::vector<std::string> words,
                                       const std::vector<std::string>& rest) {
  require(words.empty() || !words[0].starts_with("-"), Errc::invalid_argument,
          "{} is not an option of symmem run (symmem run --help); to run a program of that name, "
          "put -- before it",
          words.empty() ? "" : words[0]);
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
    std::reverse(words.begin(), words.end());  // CLI11 expects the last word first.
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    // CLI11 reports --help and --version as errors with exit code 0.
    if (error.get_exit_code() == 0) return app.exit(error);
    return report_error(std::string(error.what()) + " (symmem --help)", kUsage);
  }
  if (app.got_subcommand("info")) return info(info_command);
  if (app.got_subcommand("store")) return store(store_command);
  if (app.got_subcommand("doctor")) return doctor(doctor_command);
  run_command.words = program_words(app.get_subcommand("run")->remaining(), rest);
  return run(run_command);
}

/// Flushes stdout and returns `code`, or an error code if output is lost. Some write errors, such
/// as a full disk, are detected only here.
int check_written(int code) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  return report_error("not all of the output could be written (is the disk full?)",
                      code == 0 ? kFailed : code);
}

}  // namespace
}  // namespace symmem::cli

int main(int count, char** words) {
  using namespace symmem::cli;
  try {
    // Otherwise a pipe of a rank could be assigned descriptor 1 or 2, and output to stdout or
    // stderr would be written to the pipe.
    symmem::occupy_standard_fds();
    return check_written(main_of({words + std::min(count, 1), words + count}));
  } catch (const symmem::Error& error) {
    return report_error(error.what(),
                        error.code() == symmem::Errc::invalid_argument ? kUsage : kFailed);
  } catch (const std::exception& error) {
    return report_error(error.what(), kFailed);
  }
}
