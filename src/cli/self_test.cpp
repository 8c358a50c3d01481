// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include "base/check.hpp"
#include "base/random.hpp"
#include "cli/doctor_checks.hpp"
#include "context/builtin.hpp"
#include "context/join.hpp"
#include "options/options.hpp"
#include "process/child_processes.hpp"
#include "symmem/context.hpp"
#include "symmem/key_value_store.hpp"

namespace symmem::cli {
namespace {

constexpr std::chrono::seconds kMaxWait{60};
constexpr int kRanks = 2;
constexpr int kChannel = 0;

/// Layout of a rank's buffer, in 64-bit words: kBulk words, enough for a transport to use its bulk
/// protocol, then one word for put_with_signal, then one counter for fetch_add.
constexpr std::int64_t kBulk = 1 << 14, kSmall = kBulk, kCounter = kBulk + 1, kWords = kBulk + 2;
constexpr std::size_t offset_of(std::int64_t word) {
  return static_cast<std::size_t>(word) * sizeof(std::int64_t);
}

std::vector<std::int64_t> pattern(int rank) {
  std::vector<std::int64_t> words(kBulk);
  std::iota(words.begin(), words.end(), std::int64_t{1000003} * (rank + 1));
  return words;
}

void require_correct(bool correct, const char* operation, int peer) {
  require(correct, Errc::internal, "{}: the data exchanged with rank {} is wrong", operation, peer);
}

void use_peer(SymmetricMemory& memory, int rank) {
  const int peer = 1 - rank;
  // Read own memory with a get from this rank, because the CPU may be unable to load from GPU
  // memory.
  const auto own = [&](std::int64_t word) {
    std::int64_t value = 0;
    memory.get(rank, offset_of(word), std::span(&value, 1));
    return value;
  };
  const std::vector<std::int64_t> sent = pattern(rank), expected = pattern(peer);
  memory.put(peer, 0, std::span(sent));
  memory.barrier();
  std::vector<std::int64_t> back(kBulk);
  memory.get(rank, 0, std::span(back));
  require_correct(back == expected, "put and barrier", peer);

  memory.get(peer, 0, std::span(back));
  require_correct(back == sent, "get", peer);

  const std::int64_t before = memory.fetch_add(peer, offset_of(kCounter), std::int64_t{5});
  require_correct(before == 0, "fetch_add", peer);
  memory.put_with_signal(peer, offset_of(kSmall), std::span(sent).first(1), kChannel);
  memory.wait_signal(peer, kChannel);
  require_correct(own(kSmall) == expected[0], "put_with_signal", peer);
  require_correct(own(kCounter) == 5, "fetch_add before a signal", peer);
}

/// Returns the environment of a rank. The environment overrides the variables of a job in which
/// doctor itself runs.
Environment rank_environment(const std::string& transport, const std::string& store, int rank) {
  Environment environment = process_environment();
  environment.erase("SYMMEM_REQUIRE");
  environment["SYMMEM_TRANSPORTS"] = transport;
  environment["SYMMEM_STORE"] = store;
  environment["SYMMEM_WORLD_SIZE"] = std::to_string(kRanks);
  environment["SYMMEM_RANK"] = environment["SYMMEM_LOCAL_RANK"] = std::to_string(rank);
  return environment;
}

/// The most relevant output line of each rank: the last line with the prefix "symmem: " or, without
/// such a line, the first line.
class ErrorLines {
 public:
  void add(int rank, std::string_view line) {
    constexpr std::string_view kPrefix = "symmem: ";
    std::string& text = lines_.at(static_cast<std::size_t>(rank));
    if (line.starts_with(kPrefix))
      text = line.substr(kPrefix.size());
    else if (text.empty())
      text = line;
  }
  std::string of(int rank) const {
    const std::string& text = lines_.at(static_cast<std::size_t>(rank));
    return text.empty() ? "(it wrote nothing)" : text;
  }

 private:
  std::vector<std::string> lines_ = std::vector<std::string>(kRanks);
};

/// Returns the device whose memory the test uses: the host if the transport supports host memory,
/// else GPU 0.
Device device_of(const std::string& transport) {
  const auto carriers = builtin_carriers();
  const bool host = std::any_of(carriers.begin(), carriers.end(), [&](const Carrier& carrier) {
    return carrier.transport == transport && carrier.device == DeviceType::host;
  });
  return {host ? DeviceType::host : DeviceType::cuda, 0};
}

std::string test(const std::string& transport, const Options& options) {
  // These checks throw Error(unsupported) if a library is absent, so that the self test is reported
  // as absent, not as failed.
  if (transport.starts_with("ucx")) check_ucx_library(options);
  if (device_of(transport).type == DeviceType::cuda) check_cuda(options);
  check_store(options);  // Detects a store failure earlier than the ranks.
  TcpStoreOptions place;
  place.job = to_hex(random_bytes(8));
  place.secret = store_secret(options);
  place.liveness = options.liveness;
  const StoreServer server(place, StoreServer::Serves::any_job);
  ErrorLines lines;
  ChildProcesses ranks(
      [&lines](int rank, ChildStream, std::string_view line) { lines.add(rank, line); });
  for (int rank = 0; rank < kRanks; ++rank)
    ranks.start({{"/proc/self/exe", "doctor", "--self-test-rank"},
                 rank_environment(transport, server.url() + "/" + place.job, rank)});
  const JobEnd job = ranks.wait_all(Deadline::in(kMaxWait, {}));
  if (job.cause == JobEnd::Cause::deadline)
    fail(Errc::timeout, "ranks {} still ran after {} s; rank {} wrote: {}",
         fmt::join(job.unfinished, ", "), kMaxWait.count(), job.unfinished.front(),
         lines.of(job.unfinished.front()));
  if (job.cause == JobEnd::Cause::child_failed)
    fail(Errc::refused, "rank {} {}: {}", job.child, ranks.end(job.child)->text(),
         lines.of(job.child));
  return "two processes: put, get, fetch_add, put_with_signal and barrier work";
}

std::string fix_of(const std::string& transport) {
  if (transport.starts_with("ucx"))
    return "fix the failed checks above; let UCX use a network: unset UCX_TLS, or add tcp to "
           "UCX_TLS";
  return "fix the failed checks above; SYMMEM_LOG=debug symmem run -n 2 PROGRAM prints details";
}

}  // namespace

void run_self_test_rank() {
  Context context;
  const Device device = device_of(context.options().transports.at(0));
  const auto words = context.allocate<std::int64_t>(kWords, device);
  const auto memory = context.rendezvous(words);
  use_peer(*memory, context.rank());
  memory->barrier();
  context.end_group(kWorld);
}

std::vector<Check> self_tests() {
  std::vector<Check> checks;
  for (const std::string& transport : builtin_transport_names())
    checks.push_back({"self test " + transport, transport == "shm",
                      [transport](const Options& options) { return test(transport, options); },
                      fix_of(transport)});
  return checks;
}

}  // namespace symmem::cli
