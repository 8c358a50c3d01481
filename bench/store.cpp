// SPDX-License-Identifier: Apache-2.0
// Measures the store with its server in another process: single requests, compared with a raw TCP
// echo of the same bytes and with Redis; pipelined requests, compared with Redis; and many clients
// that join.
#include <sched.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/check.hpp"
#include "base/deadline.hpp"
#include "figure.hpp"
#include "store/connect.hpp"
#include "store/message.hpp"
#include "store/tcp_store.hpp"
#include "store_servers.hpp"
#include "symmem/key_value_store.hpp"
#include "wire.hpp"

namespace symmem::bench {
namespace {

using store::Kind;

const std::string kKey = "some/key", kValue = "12345678";
constexpr int kRounds = 15;

/// Binds this thread and its children to one core. Servers run on core 0. For single requests the
/// client also runs on core 0, because with two cores the time to wake a sleeping core dominates (5
/// to 200 us in a virtual machine). For pipelined requests the client runs on another core.
void run_on_core(unsigned core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core % std::thread::hardware_concurrency(), &cores);
  ::sched_setaffinity(0, sizeof cores, &cores);
}

// Benchmark of single requests.

/// Encodes a command for Redis.
std::string resp(const std::vector<std::string>& words) {
  std::string text = fmt::format("*{}\r\n", words.size());
  for (const std::string& word : words) text += fmt::format("${}\r\n{}\r\n", word.size(), word);
  return text;
}

struct Operation {
  std::string name;
  std::function<void(KeyValueStore&)> call;  // Checks the result.
  store::Request request;                    // The same request, for its frame.
  std::string redis, redis_reply;            // The request to Redis and the expected reply.
};

std::vector<Operation> operations() {
  return {
      {"set",
       [](KeyValueStore& store) { store.set(kKey, kValue); },
       {.kind = Kind::set, .keys = {kKey}, .values = {kValue}},
       resp({"SET", kKey, kValue}),
       "+OK\r\n"},
      {"get",
       [](KeyValueStore& store) {
         require(store.get(kKey) == kValue, Errc::internal, "get returned another value");
       },
       {.kind = Kind::get, .keys = {kKey}},
       resp({"GET", kKey}),
       "$8\r\n12345678\r\n"},
      {"add 0",
       [](KeyValueStore& store) {
         require(store.add(kKey, 0) == 12345678, Errc::internal, "wrong sum");
       },
       {.kind = Kind::add, .keys = {kKey}, .numbers = {0}},
       resp({"INCRBY", kKey, "0"}),
       ":12345678\r\n"},
  };
}

/// Returns the round trip of a request in microseconds.
double exchange(Wire& wire, std::string_view request, std::string_view reply, int count) {
  return 1e6 * seconds_each(count, [&] {
           wire.send(request);
           require(wire.receive(reply.size()) == reply, Errc::internal, "a reply is wrong");
         });
}

void one_at_a_time(const OurServer& server, const Redis* redis, std::vector<Figure>& figures) {
  constexpr int kCount = 1000;
  const auto client = make_tcp_store(server.options());
  Wire echo(server.echo_port);
  for (const Operation& operation : operations()) {
    const auto ours = [&] { return 1e6 * seconds_each(kCount, [&] { operation.call(*client); }); };
    std::string bytes;
    store::append_frame(bytes, operation.request.kind, 1, store::encode(operation.request));
    Figure beside_echo{operation.name,
                       "us",
                       fmt::format("TCP echo {} B", bytes.size()),
                       {},
                       {},
                       {Goal::Kind::ratio_at_most, 1.3}};
    alternate(
        beside_echo, kRounds, [&] { return exchange(echo, bytes, bytes, kCount); }, ours);
    figures.push_back(beside_echo);
    if (!redis) continue;
    Wire wire(redis->port);
    Figure beside_redis{operation.name, "us", "Redis", {}, {}, {Goal::Kind::ratio_at_most, 1.0}};
    alternate(
        beside_redis, kRounds,
        [&] { return exchange(wire, operation.redis, operation.redis_reply, kCount); }, ours);
    figures.push_back(beside_redis);
  }
}

// Benchmark of pipelined requests, as in redis-benchmark -c 50 -P 16, with equal load on both
// servers.

struct Load {
  std::vector<Wire> wires;
  std::string batch;
  std::size_t reply_bytes;

  /// Returns thousands of requests per second.
  double run() {
    constexpr int kTurns = 40, kDepth = 16;
    const double seconds = seconds_each(kTurns, [&] {
      for (Wire& wire : wires) wire.send(batch);
      for (Wire& wire : wires) wire.receive(reply_bytes);
    });
    return static_cast<double>(wires.size()) * kDepth / seconds / 1e3;
  }
};

void pipelined(const OurServer& server, const Redis& redis, std::vector<Figure>& figures) {
  for (const Operation& operation : operations()) {
    Load theirs{{}, {}, 16 * operation.redis_reply.size()};
    Load ours{{}, {}, 0};
    for (std::uint64_t i = 0; i < 16; ++i) {
      theirs.batch += operation.redis;
      store::append_frame(ours.batch, operation.request.kind, i, store::encode(operation.request));
    }
    const Deadline deadline = Deadline::in(std::chrono::seconds(30), {});
    for (std::uint64_t i = 0; i < 50; ++i) {
      theirs.wires.emplace_back(redis.port);
      ours.wires.emplace_back(store::connect(server.options(), {"bench", 1, i}, deadline).socket);
    }
    const std::string_view value = kValue;
    const std::string reply = operation.name == "set"   ? store::encode_reply({})
                              : operation.name == "get" ? store::encode_reply(std::span(&value, 1))
                                                        : store::encode_reply(12345678);
    ours.reply_bytes = 16 * (store::kHeaderBytes + reply.size());
    Figure figure{operation.name + ", 50 clients x 16 at once",
                  "k/s",
                  "Redis",
                  {},
                  {},
                  {Goal::Kind::ratio_at_least, 0.5}};
    alternate(
        figure, kRounds, [&] { return theirs.run(); }, [&] { return ours.run(); });
    figures.push_back(figure);
  }
}

// Benchmark of many clients that join.

double join_all(int clients) {
  const OurServer server("0.0.0.0");
  const auto poller =
      std::make_shared<store::Poller>(std::make_shared<EventLoop>(), std::chrono::seconds(1));
  std::vector<std::shared_ptr<KeyValueStore>> stores(static_cast<std::size_t>(clients));
  std::atomic<int> next{0};
  const double seconds = seconds_each(1, [&] {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i)
      threads.emplace_back([&] {
        for (int mine = next++; mine < clients; mine = next++) {
          const Process process{"bench", 1, static_cast<std::uint64_t>(mine)};
          auto& store = stores[static_cast<std::size_t>(mine)];
          TcpStoreOptions options = server.options();
          options.timeout = options.liveness = std::chrono::minutes(1);
          // Uses many addresses, because the kernel's search for a free port is slow if one address
          // has many connections.
          options.host = fmt::format("127.0.0.{}", 1 + mine % 100);
          store = store::connect_tcp_store(options, process, poller);
          store->add("joined", 1);
        }
      });
  });
  require(stores[0]->add("joined", 0) == clients, Errc::internal, "not all clients have joined");
  return seconds;
}

void joining(int wanted, std::vector<Figure>& figures) {
  const int possible = static_cast<int>(std::min<rlim_t>(raise_descriptor_limit(), 1 << 20)) - 200;
  const int clients = std::min(wanted, possible);
  if (clients < wanted)
    std::printf("only %d clients join: the descriptor limit is %d\n", clients, possible + 200);
  Figure figure{fmt::format("{} clients join", clients), "s", "", {}, {}, {Goal::Kind::at_most, 2}};
  for (int i = 0; i < 3; ++i) figure.ours.push_back(join_all(clients));
  figures.push_back(figure);
}

int run(int argc, char** argv) {
  CLI::App app("Measures the store and compares it with a raw TCP echo and Redis");
  std::string serve_at;
  bool json = false;
  int clients = 16'384;
  app.add_option("--serve", serve_at, "Run the store server at this address (internal)");
  app.add_flag("--json", json, "Print all samples as JSON");
  app.add_option("--clients", clients, "Number of clients that join at once");
  CLI11_PARSE(app, argc, argv);
  if (!serve_at.empty()) return serve(serve_at);
  std::vector<Figure> figures;
  joining(clients, figures);
  run_on_core(0);
  {
    const OurServer server;
    std::optional<Redis> redis;
    try {
      redis.emplace();
    } catch (const Error& error) {
      std::fprintf(stderr, "no Redis to compare with: %s\n", error.what());
    }
    one_at_a_time(server, redis ? &*redis : nullptr, figures);
    run_on_core(1);
    if (redis) pipelined(server, *redis, figures);
  }
  if (json)
    print_json(figures);
  else
    print_table("The store, 8 B key and value, server in another process", figures);
  return 0;
}

}  // namespace
}  // namespace symmem::bench

int main(int argc, char** argv) {
  try {
    return symmem::bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_store: %s\n", error.what());
    return 1;
  }
}
