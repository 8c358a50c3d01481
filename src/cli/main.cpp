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
  CLI::Option* nodes = run.add_option(
      "--nodes", command.nodes, "Distribute the ranks over this many simulated hosts, in blocks");
  run.add_flag("--netns", command.namespaces,
               "Give each simulated host a network namespace (needs root, and ip of iproute2)")
      ->needs(nodes);
  run.add_option("--timeout", command.timeout, "Stop the ranks after this time (30s, 2m)");
  run.footer(
      "The program and its arguments follow: symmem run -n 4 ./program --its-own\n"
      "The rank precedes each line that a rank writes; stdin is /dev/null. The first rank that\n"
      "fails stops the others. Exit code: that of the failed rank (128 + signal if it was\n"
      "killed); 124 after the timeout; 127 if the program cannot be started.\n\n"
      "Ranks of different simulated hosts share no memory (SYMMEM_HOST_ID). With --netns each\n"
      "host also has its own network: host k has eth0 with 10.77.0.<k+1>; the store is at\n"
      "10.77.0.254, with a random secret unless one is set. A rank disconnects its host by\n"
      "`ip link set eth0 down`. The networks end with the job.");
  run.prefix_command();
}

void add_info(CLI::App& app, InfoCommand& command) {
  CLI::App& info = *app.add_subcommand("info", "Show build, transports, launch and options");
  info.add_flag("--json", command.json, "Print JSON");
  info.add_flag("--options-markdown", command.options_markdown,
                "Print the text of docs/options.md");
}

void add_doctor(CLI::App& app, DoctorCommand& command) {
  CLI::App& doctor = *app.add_subcommand(
      "doctor", "Check this machine for what symmem needs, and test each transport");
  doctor.add_flag("--json", command.json, "Print JSON");
  doctor.add_flag("--self-test-rank", command.self_test_rank)->group("");  // Hidden from --help.
  doctor.footer(
      "Each line is ok, FAIL, or absent (a transport needs it and this machine lacks it), with\n"
      "the command or setting that fixes it.\n"
      "Exit code: 0 if ranks of this host can share host memory, else 1.");
}

void add_store(CLI::App& app, StoreCommand& command) {
  CLI::App& store = *app.add_subcommand("store", "Serve a store for any number of jobs");
  store.add_option("--host", command.host, "Name or address on which to listen")
      ->capture_default_str();
  store.add_option("--port", command.port, "Port; 0 selects a free one")->capture_default_str();
  store.add_option("--secret-file", command.secret_file,
                   "File of the shared secret; default: SYMMEM_SECRET_FILE or SYMMEM_SECRET");
  store.add_flag("--insecure", command.insecure,
                 "Allow listening beyond loopback without a secret");
}

/// Prints the message as one line and returns `code`.
int report_error(std::string text, int code) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  fmt::print(stderr, "symmem: {}\n", text);
  return code;
}

/// Removes the first "--" and all words after it, which CLI11 would parse as options of symmem.
std::vector<std::string> cut_at_dashes(std::vector<std::string>& words) {
  const auto dashes = std::find(words.begin(), words.end(), "--");
  std::vector<std::string> rest(dashes, words.end());
  words.erase(dashes, words.end());
  return rest;
}

/// Returns the program and its arguments. A "--" before the program ends the options of symmem; a
/// later one is an argument of the program.
std::vector<std::string> program_words(std::vector<std::string> words,
                                       const std::vector<std::string>& rest) {
  require(words.empty() || !words[0].starts_with("-"), Errc::invalid_argument,
          "{} is not an option of symmem run (symmem run --help); put a program of that name after "
          "--",
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
    std::reverse(words.begin(), words.end());  // The order that CLI11 expects.
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

/// Flushes stdout. A full disk may show only here.
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
    // Otherwise a pipe of a rank could get descriptor 1 or 2, to which the ranks' lines are
    // printed.
    symmem::occupy_standard_fds();
    return check_written(main_of({words + std::min(count, 1), words + count}));
  } catch (const symmem::Error& error) {
    return report_error(error.what(),
                        error.code() == symmem::Errc::invalid_argument ? kUsage : kFailed);
  } catch (const std::exception& error) {
    return report_error(error.what(), kFailed);
  }
}
