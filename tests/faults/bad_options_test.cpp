// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <set>

#include "faults/faults.hpp"
#include "options/options.hpp"

using namespace symmem;
using namespace symmem::faults;

namespace {

constexpr const char* kHuge = "99999999999999999999999999";

struct BadOption {
  const char* variable;
  std::vector<std::string> values;
};

/// Returns invalid values for every option: junk, negative and overflowing ones.
const std::vector<BadOption>& bad_options() {
  static const std::vector<std::string> number{"junk", "-1", kHuge, "1.5", " 1", "1 ", "0x1", "+1"};
  static const std::vector<std::string> time{"junk", "-1s", std::string(kHuge) + "s", "10", "0s",
                                             "s",    "1ss", "9223372036854775807ms"};
  static const std::vector<std::string> flag{"junk", "-1", kHuge, "2", "yess"};
  static const std::vector<std::string> text{"a\x01z", std::string(5000, 'x'), "two\nlines"};
  static const std::vector<BadOption> all{
      {"SYMMEM_TRANSPORTS", {"Shm!", ",", "shm,,shm", "shm,shm", "shm,^shm", "^", "-1"}},
      {"SYMMEM_REQUIRE", {"Shm!", ",", "shm,shm", "^shm", "-1"}},
      {"SYMMEM_RANK", number},
      {"SYMMEM_WORLD_SIZE", number},
      {"SYMMEM_LOCAL_RANK", number},
      {"SYMMEM_STORE",
       {"junk", "tcp://", "tcp://host", "tcp://host:0", "tcp://host:-1", "tcp://host:65536",
        std::string("tcp://host:") + kHuge, "tcp://host:1x", "tcp://[::1:1", "udp://host:1"}},
      {"SYMMEM_TIMEOUT", time},
      {"SYMMEM_LIVENESS", time},
      {"SYMMEM_HOST_ID", text},
      {"SYMMEM_INTERFACE", text},
      {"SYMMEM_CUDA_HANDLE", {"junk", "-1", "FD", "fd,legacy"}},
      {"SYMMEM_UCX_LIBRARY", text},
      {"SYMMEM_PROGRESS", {"junk", "-1", "SPIN", kHuge}},
      {"SYMMEM_SOCKET_DIR", {"junk", "-1", "relative/path", "/" + std::string(200, 'x')}},
      {"SYMMEM_CHANNELS", {"junk", "-1", "0", "4097", kHuge, "8 "}},
      {"SYMMEM_BLOCK_SIZE", {"junk", "-1", "0", "4097", "64q", kHuge, "16777216t", "4095"}},
      {"SYMMEM_VERIFY", flag},
      {"SYMMEM_SECRET_FILE", text},
      {"SYMMEM_SECRET", text},
      {"SYMMEM_INSECURE", flag},
      {"SYMMEM_LOG", {"junk", "-1", "WARN", kHuge}},
  };
  return all;
}

/// RAII: sets the variable of an option.
class Variable {
 public:
  Variable(const char* name, const std::string& value)
      : name_(name), before_(value_of(process_environment(), name)) {
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() { ::setenv(name_, before_.c_str(), 1); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  const std::string before_;
};

}  // namespace

TEST_CASE("an invalid value of any option is refused with variable, value and allowed values") {
  run_ranks(1, [](RankProcess&) {
    leaving_nothing([] {
      for (const auto& [variable, values] : bad_options()) {
        for (const std::string& value : values) {
          CAPTURE(variable);
          CAPTURE(value);
          const Variable set(variable, value);
          const bool hidden = std::string(variable) == "SYMMEM_SECRET";
          // The message may truncate a long value and escape control bytes.
          const std::string shown = hidden ? "(hidden)" : "\"" + value.substr(0, 1);
          const std::string text = check_error(
              Errc::invalid_argument, {std::string(variable) + "=", shown, "is not allowed: give "},
              [] { Context context; });
          CHECK(text.size() < 600);
          CHECK(text.find('\n') == std::string::npos);
          CHECK(text.find('\x01') == std::string::npos);
          if (hidden) CHECK(text.find(value.substr(0, 3)) == std::string::npos);
        }
      }
    });
  });
}

TEST_CASE("the table of invalid values contains every option") {
  std::set<std::string> tested, existing;
  for (const BadOption& option : bad_options()) tested.insert(option.variable);
  for (const OptionRow& row : option_table()) existing.insert(row.name);
  CHECK(tested == existing);
}

TEST_CASE("an empty value of any option counts as not set") {
  run_ranks(1, [](RankProcess&) {
    leaving_nothing([] {
      for (const BadOption& option : bad_options()) ::setenv(option.variable, "", 1);
      Context context;
      CHECK(context.world_size() == 1);
      CHECK(context.options().timeout == Options().timeout);
      Shared shared(context);
      shared.memory->barrier();
    });
  });
}

TEST_CASE(
    "options that contradict each other or name unusable paths are refused; the error names them") {
  RanksSettings settings;
  settings.environment = {{"SYMMEM_STORE", ""}};
  run_ranks(
      1,
      [](RankProcess&) {
        const auto refused = [](const std::vector<std::string>& parts,
                                const std::function<void(Options&)>& change) {
          Options options = as_rank(0, 2);
          options.store = "tcp://127.0.0.1:9";
          change(options);
          check_error(Errc::invalid_argument, parts, [&] { Context context(options); });
        };
        leaving_nothing([&] {
          refused({"SYMMEM_STORE"}, [](Options& o) { o.store.clear(); });
          refused({"rank 2", "2"}, [](Options& o) { o.rank = 2; });
          refused({"SYMMEM_RANK"}, [](Options& o) { o.rank = -1; });
          refused({"SYMMEM_TIMEOUT"}, [](Options& o) { o.timeout = std::chrono::seconds(-1); });
          refused({"SYMMEM_CHANNELS"}, [](Options& o) { o.channels = 0; });
          refused({"SYMMEM_WORLD_SIZE", "SYMMEM_RANK"}, [](Options& o) { o.world_size.reset(); });
          refused({"/proc/version"}, [](Options& o) { o.socket_dir = "/proc/version"; });
          refused({"/nowhere/secret"}, [](Options& o) { o.secret_file = "/nowhere/secret"; });
          refused({"/tmp", "is not a regular file"}, [](Options& o) { o.secret_file = "/tmp"; });
        });
      },
      settings);
}
