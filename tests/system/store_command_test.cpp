// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "base/parse.hpp"
#include "base/random.hpp"
#include "harness/errors.hpp"
#include "harness/program.hpp"
#include "harness/ranks.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

using Words = std::vector<std::string>;

Words store_words(const Words& words) {
  Words all = {program_of_build("symmem"), "store"};
  all.insert(all.end(), words.begin(), words.end());
  return all;
}

/// A running `symmem store`.
struct Running {
  ChildProcesses program{
      [this](int, ChildStream, std::string_view line) { lines.emplace_back(line); }};
  Words lines;
  StoreUrl url;

  explicit Running(const Words& words) {
    program.start({store_words(words), process_environment()});
    const Deadline deadline = Deadline::in(RanksSettings().deadline, {});
    while (lines.empty() && !deadline.expired())
      program.wait(0, Deadline::in(std::chrono::milliseconds(10), {}));
    REQUIRE(lines.size() == 1);
    const std::string prefix = "SYMMEM_STORE=";
    REQUIRE(lines[0].find(prefix) == 0);
    url = parse_store_url(lines[0].substr(prefix.size())).value();
  }
  std::shared_ptr<KeyValueStore> connect(const std::string& job,
                                         const std::string& secret = {}) const {
    TcpStoreOptions options;
    options.port = url.port;
    options.job = job;
    options.secret = secret;
    return make_tcp_store(options);
  }
  ChildEnd end(int number) {
    program.signal(0, number);
    return program.wait(0, Deadline::in(RanksSettings().deadline, {})).value();
  }
};

/// RAII: a temporary file.
struct TemporaryFile {
  std::string path = "/tmp/symmem-test-" + to_hex(random_bytes(8));
  TemporaryFile(const std::string& text, mode_t mode) {
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
  }
  ~TemporaryFile() { std::remove(path.c_str()); }
};

void refuses(const Words& words, const std::string& text) {
  const Ran ran = run_program(store_words(words));
  INFO(ran.errors);
  CHECK(ran.code != 0);
  CHECK(ran.output.empty());
  CHECK(ran.errors.find("symmem: ") == 0);
  CHECK(std::count(ran.errors.begin(), ran.errors.end(), '\n') == 1);
  CHECK(ran.says(text));
}

}  // namespace

TEST_CASE("the store prints its address and keeps the keys of different jobs separate") {
  Running running({});
  CHECK(running.url.host == "127.0.0.1");
  const auto left = running.connect("left"), right = running.connect("right");
  left->set("key", "l");
  right->set("key", "r");
  CHECK(left->get("key") == "l");
  CHECK(right->get("key") == "r");
}

TEST_CASE("the store exits with code 0 on SIGTERM and SIGINT, with or without clients") {
  for (const int number : {SIGTERM, SIGINT}) {
    Running running({});
    const auto client = running.connect("");
    const ChildEnd end = running.end(number);
    CHECK(end.text() == "exited with code 0");
  }
}

TEST_CASE("ranks join through a standalone store, which runs on after they leave") {
  Running running({});
  const std::string job_url = "tcp://127.0.0.1:" + std::to_string(running.url.port) + "/job";
  for (int time = 0; time < 2; ++time) {
    RanksSettings settings;
    settings.environment = {{"SYMMEM_STORE", job_url}};
    run_ranks(
        2, [](Context& context) { CHECK(context.world_size() == 2); }, settings);
  }
  CHECK(running.connect("other")->num_keys() == 0);
}

TEST_CASE("with a secret file only clients with the secret are accepted") {
  const TemporaryFile file("open sesame\n", 0600);
  Running running({"--secret-file", file.path});
  running.connect("", "open sesame")->set("key", "value");
  for (const char* wrong : {"", "open", "open sesame\n"}) {
    const auto error = error_of([&] { running.connect("", wrong); });
    REQUIRE(error);
    CHECK(error->code() == Errc::refused);
    CHECK(std::string(error->what()).find("sesame") == std::string::npos);
  }
}

TEST_CASE("a secret file that others may read, or that does not exist, is refused") {
  const TemporaryFile file("open sesame\n", 0644);
  refuses({"--secret-file", file.path}, "chmod 600");
  refuses({"--secret-file", "/nonexistent/secret"}, "/nonexistent/secret");
}

TEST_CASE("at an address other than loopback the store requires a secret or --insecure") {
  refuses({"--host", "0.0.0.0"}, "secret");
  Running running({"--host", "0.0.0.0", "--insecure"});
  // The URL must not have the wildcard address, to which clients cannot connect.
  CHECK(running.url.host != "0.0.0.0");
  running.connect("")->set("key", "value");
}

TEST_CASE("the error for a port that is in use or invalid names the port") {
  Running running({});
  const std::string port = std::to_string(running.url.port);
  refuses({"--port", port}, port);
  for (const char* bad : {"65536", "-1", "x", ""}) refuses({"--port", bad}, "--port");
}
