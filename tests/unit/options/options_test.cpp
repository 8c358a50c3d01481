// SPDX-License-Identifier: Apache-2.0
#include "options/options.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "harness/errors.hpp"
#include "symmem/error.hpp"

using namespace symmem;
using harness::contains;
using namespace std::chrono_literals;

namespace {

std::string refusal(const std::string& name, const std::string& value) {
  try {
    read_options({{name, value}});
  } catch (const Error& error) {
    CHECK(error.code() == Errc::invalid_argument);
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("read_options assigns each variable to its field") {
  const Options options = read_options({{"SYMMEM_TRANSPORTS", "shm,ucx"},
                                        {"SYMMEM_REQUIRE", "shm"},
                                        {"SYMMEM_RANK", "3"},
                                        {"SYMMEM_WORLD_SIZE", "8"},
                                        {"SYMMEM_LOCAL_RANK", "1"},
                                        {"SYMMEM_STORE", "tcp://[::1]:4711/job-7"},
                                        {"SYMMEM_TIMEOUT", "500ms"},
                                        {"SYMMEM_LIVENESS", "2m"},
                                        {"SYMMEM_HOST_ID", "left"},
                                        {"SYMMEM_SOCKET_DIR", "/run/symmem"},
                                        {"SYMMEM_CHANNELS", "16"},
                                        {"SYMMEM_BLOCK_SIZE", "64K"},
                                        {"SYMMEM_VERIFY", "off"},
                                        {"SYMMEM_SECRET_FILE", "/etc/secret"},
                                        {"SYMMEM_SECRET", "open sesame"},
                                        {"SYMMEM_INSECURE", "true"},
                                        {"SYMMEM_LOG", "debug"}});
  CHECK(options.transports == std::vector<std::string>{"shm", "ucx"});
  CHECK(options.require == std::vector<std::string>{"shm"});
  CHECK(options.rank == 3);
  CHECK(options.world_size == 8);
  CHECK(options.local_rank == 1);
  CHECK(options.store == "tcp://[::1]:4711/job-7");
  CHECK(options.timeout == 500ms);
  CHECK(options.liveness == 2min);
  CHECK(options.host_id == "left");
  CHECK(options.socket_dir == "/run/symmem");
  CHECK(options.channels == 16);
  CHECK(options.block_size == 64 * 1024);
  CHECK_FALSE(options.verify);
  CHECK(options.secret_file == "/etc/secret");
  CHECK(options.secret == "open sesame");
  CHECK(options.insecure);
  CHECK(options.log == LogLevel::debug);
}

TEST_CASE("an empty variable is treated as not set") {
  Environment empty;
  for (const OptionRow& row : option_table()) empty[row.name] = "";
  const Options options = read_options(empty), untouched;
  for (const OptionRow& row : option_table()) CHECK(row.show(options) == row.show(untouched));
}

TEST_CASE("the text of show() is read back to the same value") {
  Options options;
  options.transports = {"^ucx", "^shm"};
  options.rank = 0;
  options.timeout = 1500ms;
  options.liveness = 90s;
  options.block_size = std::size_t{1} << 30;
  for (const OptionRow& row : option_table()) {
    Options copy;
    const std::string text = row.show(options);
    if (!text.empty()) CHECK_MESSAGE(row.read(copy, text), row.name);
    CHECK(row.show(copy) == text);
  }
}

TEST_CASE("number options refuse junk, signs, spaces, fractions and overflow") {
  for (const char* name :
       {"SYMMEM_RANK", "SYMMEM_WORLD_SIZE", "SYMMEM_LOCAL_RANK", "SYMMEM_CHANNELS"})
    for (const char* value : {"-1", "+1", " 1", "1 ", "one", "1.5", "0x1", "99999999999999999999",
                              "9223372036854775808", "4294967296", "-", "1,2"})
      CHECK_MESSAGE(contains(refusal(name, value), std::string(name) + "=\"" + value + "\""),
                    value);
  CHECK(contains(refusal("SYMMEM_WORLD_SIZE", "0"), "from 1 to"));
  CHECK(contains(refusal("SYMMEM_CHANNELS", "4097"), "from 1 to 4096"));
}

TEST_CASE("time options require a unit and a value within the range") {
  for (const char* name : {"SYMMEM_TIMEOUT", "SYMMEM_LIVENESS"})
    for (const char* value : {"30", "-1s", "0s", "0ms", "1.5s", "s", "ms", "5d", "1s ", "1S",
                              "9223372036854775807s", "9223372036854775807h", "1001h", "1s1s"})
      CHECK_MESSAGE(contains(refusal(name, value), "500ms, 30s, 2m"), value);
  CHECK(read_options({{"SYMMEM_TIMEOUT", "1000h"}}).timeout == 1000h);
}

TEST_CASE("size options accept only powers of two within the range") {
  for (const char* value : {"0", "-1", "3m", "1", "2048", "2t", "8388608t", "64kb", "k", "2 m",
                            "18446744073709551616", "9007199254740992k"})
    CHECK_MESSAGE(contains(refusal("SYMMEM_BLOCK_SIZE", value), "power of two"), value);
  CHECK(read_options({{"SYMMEM_BLOCK_SIZE", "65536"}}).block_size == 65536);
  CHECK(read_options({{"SYMMEM_BLOCK_SIZE", "2G"}}).block_size == std::size_t{2} << 30);
}

TEST_CASE("flag options accept a digit or a word for on and for off") {
  for (const char* value : {"1", "on", "true", "yes"})
    CHECK(read_options({{"SYMMEM_INSECURE", value}}).insecure);
  for (const char* value : {"0", "off", "false", "no"})
    CHECK_FALSE(read_options({{"SYMMEM_VERIFY", value}}).verify);
  for (const char* value : {"2", "-1", "maybe", "00", "onn"})
    CHECK(contains(refusal("SYMMEM_VERIFY", value), "on, true"));
}

TEST_CASE(
    "a list of transports is refused if it both selects and excludes transports or repeats a "
    "name") {
  for (const char* value :
       {"shm,,ucx", ",", "shm,", "shm,^ucx", "^", "^^ucx", "shm,shm", "SHM", "sh m", "all;ucx"})
    CHECK_MESSAGE(contains(refusal("SYMMEM_TRANSPORTS", value), "names to use"), value);
  CHECK(contains(refusal("SYMMEM_REQUIRE", "^ucx"), "names of transports"));
}

TEST_CASE("the address of the store requires scheme, host and port") {
  for (const char* value :
       {"host:1", "tcp://", "tcp://host", "tcp://host:", "tcp://host:0", "tcp://host:65536",
        "tcp://host:-1", "tcp://:4711", "tcp://::1:4711", "tcp://[::1]", "tcp://[]:1",
        "tcp://host:1/", "tcp://host:1/a/b", "tcp://ho st:1", "http://host:1", "tcp://host:1/a b"})
    CHECK_MESSAGE(contains(refusal("SYMMEM_STORE", value), "tcp://host:port"), value);
}

TEST_CASE("each value of a choice option is read and shown by the same name") {
  const auto shown = [](const std::string& name, const std::string& value) {
    const Options options = read_options({{name, value}});
    for (const OptionRow& row : option_table())
      if (row.name == name) return row.show(options);
    return std::string();
  };
  for (const char* level : {"debug", "info", "warn", "error", "off"})
    CHECK(shown("SYMMEM_LOG", level) == level);
  for (const char* progress : {"adaptive", "spin", "event"})
    CHECK(shown("SYMMEM_PROGRESS", progress) == progress);
  for (const char* handle : {"auto", "fd", "legacy", "fabric"})
    CHECK(shown("SYMMEM_CUDA_HANDLE", handle) == handle);
  CHECK(read_options({{"SYMMEM_CUDA_HANDLE", "auto"}}).cuda_handle == CudaHandle::automatic);
  CHECK(to_string(CudaHandle::automatic) == "auto");
  CHECK(contains(refusal("SYMMEM_CUDA_HANDLE", "automatic"), "auto, fd, legacy or fabric"));
}

TEST_CASE("text options refuse control characters and excess length") {
  CHECK(contains(refusal("SYMMEM_HOST_ID", "a\nb"), "\"a\\x0ab\""));
  CHECK(contains(refusal("SYMMEM_HOST_ID", std::string(256, 'x')), "...\""));
  CHECK(contains(refusal("SYMMEM_SOCKET_DIR", "relative"), "absolute path"));
  CHECK(contains(refusal("SYMMEM_SOCKET_DIR", "/" + std::string(60, 'x')), "absolute path"));
  CHECK(contains(refusal("SYMMEM_LOG", "loud"), "debug, info, warn"));
}

TEST_CASE("check_options applies the rules for variables to fields that the program assigned") {
  Options options;
  check_options(options);
  const auto message = [&options] {
    try {
      check_options(options);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  options.timeout = -5ms;
  CHECK(contains(message(), "SYMMEM_TIMEOUT"));
  options = {};
  options.channels = 0;
  CHECK(contains(message(), "SYMMEM_CHANNELS"));
  options = {};
  options.block_size = ~std::size_t{0};
  CHECK(contains(message(), "SYMMEM_BLOCK_SIZE"));
  options = {};
  options.rank = -1;
  CHECK(contains(message(), "SYMMEM_RANK"));
  options = {};
  options.log = static_cast<LogLevel>(7);
  CHECK(contains(message(), "SYMMEM_LOG=\"7\""));
}

TEST_CASE("neither an error nor show_options reveals the secret") {
  const std::string secret = "keep it dark\n";
  CHECK_FALSE(contains(refusal("SYMMEM_SECRET", secret), "keep it dark"));
  Options options;
  options.secret = "keep it dark";
  for (const ShownOption& shown : show_options(options, {}))
    if (shown.name == "SYMMEM_SECRET") CHECK(shown.value == "(set)");
}

TEST_CASE("show_options reports the origin of each value") {
  const Environment environment = {{"SYMMEM_TIMEOUT", "5s"}, {"SYMMEM_LIVENESS", "4s"}};
  Options options = read_options(environment);
  options.liveness = 3s;
  options.rank = 2;
  options.channels = 8;
  const Environment junk = {{"SYMMEM_CHANNELS", "junk"}, {"SYMMEM_LOG", "junk"}};
  for (const ShownOption& shown : show_options(options, junk)) {
    if (shown.name == "SYMMEM_CHANNELS") CHECK(shown.origin == "program");
    if (shown.name == "SYMMEM_LOG") CHECK(shown.origin == "default");
  }
  options.channels = Options().channels;
  const auto origin = [&](const std::string& name) {
    for (const ShownOption& shown : show_options(options, environment))
      if (shown.name == name) return shown.value + " " + shown.origin;
    return std::string();
  };
  CHECK(origin("SYMMEM_TIMEOUT") == "5s environment");
  CHECK(origin("SYMMEM_LIVENESS") == "3s program");
  CHECK(origin("SYMMEM_RANK") == "2 program");
  CHECK(origin("SYMMEM_CHANNELS") == "64 default");
  CHECK(origin("SYMMEM_STORE") == "(not set) default");
}

TEST_CASE("an unknown SYMMEM_ variable causes a warning that names the nearest option") {
  CHECK(unknown_option_warnings({{"SYMMEM_TIMEOUT", "1s"}, {"PATH", "/bin"}, {"SYMMEM", "1"}})
            .empty());
  const auto typo = unknown_option_warnings({{"SYMMEM_TIMEOT", "1s"}});
  REQUIRE(typo.size() == 1);
  CHECK(contains(typo[0], "did you mean SYMMEM_TIMEOUT?"));
  const auto other = unknown_option_warnings({{"SYMMEM_ENTIRELY_DIFFERENT", "1"}});
  REQUIRE(other.size() == 1);
  CHECK_FALSE(contains(other[0], "did you mean"));
}

TEST_CASE("options_markdown lists every option once") {
  const std::string page = options_markdown();
  for (const OptionRow& row : option_table()) CHECK(contains(page, "| `" + row.name + "` |"));
  CHECK(std::count(page.begin(), page.end(), '\n') ==
        12 + static_cast<std::ptrdiff_t>(option_table().size()));
}
