// SPDX-License-Identifier: Apache-2.0
// Benchmarks of host memory on two simulated hosts over UCX. The floor (baseline) is the same loop
// on raw UCP with a polling target. Signals are also compared with a TCP round trip that spins.
#include <fmt/format.h>
#include <sys/socket.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <thread>

#include "base/check.hpp"
#include "program.hpp"
#include "ranks.hpp"
#include "raw_ucp.hpp"
#include "symmem/key_value_store.hpp"
#include "symmem/symmem.hpp"
#include "wire.hpp"

namespace symmem::bench {
namespace {

constexpr std::size_t kLarge = 1 << 20;
constexpr int kMany = 32;

Options options_of_rank() {
  Options options = Options::from_env();
  options.transports = {"ucx"};
  return options;
}

class Network {
 public:
  Network(Context& context, int rounds)
      : rounds_(rounds),
        first_(context.rank() == 0),
        buffer_(context.allocate(kLarge)),
        memory_(context.rendezvous(buffer_)),
        raw_(context.options().ucx_library, *context.store(), context.rank(),
             {raw_buffer_.data(), raw_buffer_.size()}),
        source_(kLarge, std::byte{42}) {
    require(memory_->world_size() == 2, Errc::invalid_argument, "two ranks are needed");
    if (!first_) {
      listening_ = listen_anywhere();
      context.store()->set("tcp", std::to_string(port_of(listening_)));
      tcp_ = accept_one(listening_);
    } else {
      const char* host = std::getenv("BENCH_PEER_HOST");
      tcp_ = connect_to(host == nullptr ? "127.0.0.1" : host,
                        static_cast<std::uint16_t>(std::stoi(context.store()->get("tcp"))));
    }
  }

  std::vector<Figure> run() {
    std::vector<Figure> figures{
        small(
            "put 8 B and flush", [&] { raw_.put(0, source_.data(), 8); },
            [&] {
              memory_->put(1, 0, word());
              memory_->flush(1);
            }),
        small(
            "get 8 B", [&] { raw_.get(0, scratch_, 8); },
            [&] { memory_->get(1, 0, std::span(scratch_)); }),
        small(
            "fetch_add 8 B (floor: get)", [&] { raw_.get(0, scratch_, 8); },
            [&] { memory_->fetch_add(1, 8, std::uint64_t{1}); }),
        large(
            "put 1 MiB", [&] { raw_.put_many(source_.data(), kLarge, kMany); },
            [&] {
              for (int i = 0; i < kMany; ++i) memory_->put(1, 0, std::span(source_));
              memory_->flush(1);
            }),
        large(
            "get 1 MiB",
            [&] {
              for (int i = 0; i < kMany; ++i) raw_.get(0, target_.data(), kLarge);
            },
            [&] {
              for (int i = 0; i < kMany; ++i) memory_->get(1, 0, std::span(target_));
            }),
        trips("TCP, spinning", 1.3, [&] { trip_by_tcp(); }),
        trips("raw UCP messages", 1.15, [&] { raw_.trip(); }),
        idle()};
    check_data();
    memory_->barrier();
    memory_->close();
    return figures;
  }

 private:
  template <typename Floor, typename Ours>
  Figure measure(Figure figure, Floor floor, Ours ours, double (*unit)(double)) {
    alternate(
        figure, rounds_,
        [&] {
          memory_->barrier();
          if (!first_) {
            raw_.serve();
            return 0.0;
          }
          const double time = unit(floor());
          raw_.stop_serving();
          return time;
        },
        [&] {
          memory_->barrier();
          const double time = first_ ? unit(ours()) : 0.0;
          memory_->barrier();
          return time;
        });
    return figure;
  }

  template <typename Floor, typename Ours>
  Figure small(const char* what, Floor floor, Ours ours) {
    constexpr int kCount = 300;
    return measure(
        {what, "us", "raw UCP", {}, {}, {Goal::Kind::ratio_at_most, 1.15}},
        [&] { return seconds_each(kCount, floor); }, [&] { return seconds_each(kCount, ours); },
        [](double s) { return 1e6 * s; });
  }
  template <typename Floor, typename Ours>
  Figure large(const char* what, Floor floor, Ours ours) {
    return measure(
        {what, "GB/s", "raw UCP", {}, {}, {Goal::Kind::ratio_at_least, 0.95}},
        [&] { return seconds_each(1, floor); }, [&] { return seconds_each(1, ours); },
        [](double s) { return 1e-9 * kLarge * kMany / s; });
  }

  /// Measures round trips of put_with_signal: rank 0 sends first, rank 1 replies. Both ranks call
  /// this function.
  template <typename Floor>
  Figure trips(const char* floor_is, double goal, Floor floor) {
    Figure figure{"put_with_signal 8 B, round trip", "us", floor_is, {}, {},
                  {Goal::Kind::ratio_at_most, goal}};
    constexpr int kTrips = 300;
    const int peer = first_ ? 1 : 0;
    const auto by_signal = [&] {
      if (first_) memory_->put_with_signal(peer, 16, word(), 1);
      memory_->wait_signal(peer, 1);
      if (!first_) memory_->put_with_signal(peer, 16, word(), 1);
    };
    const auto sample = [&](auto call) {
      memory_->barrier();
      return 1e6 * seconds_each(kTrips, call);
    };
    alternate(
        figure, rounds_, [&] { return sample(floor); }, [&] { return sample(by_signal); });
    return figure;
  }

  /// Measures the processor time of symmem's threads while the application sleeps.
  Figure idle() {
    Figure figure{
        "CPU use of an idle rank, of one core", "%", "", {}, {}, {Goal::Kind::at_most, 0.5}};
    for (int i = 0; i < rounds_; ++i) {
      memory_->barrier();
      const double before = processor_seconds();
      std::this_thread::sleep_for(std::chrono::seconds(1));
      figure.ours.push_back(100 * (processor_seconds() - before));
    }
    return figure;
  }
  static double processor_seconds() {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  }

  void trip_by_tcp() {
    char bytes[8] = {};
    const auto receive = [&] {
      for (std::size_t at = 0; at < sizeof bytes;) {
        const ssize_t got = ::recv(tcp_.get(), bytes + at, sizeof bytes - at, MSG_DONTWAIT);
        if (got > 0) at += static_cast<std::size_t>(got);
      }
    };
    if (first_) ::send(tcp_.get(), bytes, sizeof bytes, MSG_NOSIGNAL);
    receive();
    if (!first_) ::send(tcp_.get(), bytes, sizeof bytes, MSG_NOSIGNAL);
  }

  std::span<const std::byte> word() const { return std::span(source_).first(8); }

  void check_data() const {
    if (first_)
      require(target_ == source_ || target_[kLarge - 1] == std::byte{42}, Errc::internal,
              "get 1 MiB: the received data is wrong");
    else
      require(buffer_.data()[kLarge - 1] == std::byte{42}, Errc::internal,
              "put 1 MiB: the received data is wrong");
  }

  const int rounds_;
  const bool first_;
  const Buffer<> buffer_;
  const std::shared_ptr<SymmetricMemory> memory_;
  std::vector<std::byte> raw_buffer_ = std::vector<std::byte>(kLarge);
  RawUcp raw_;
  Fd listening_, tcp_;
  std::vector<std::byte> source_, target_ = std::vector<std::byte>(kLarge);
  std::byte scratch_[8] = {};
};

void run_rank(int rounds) {
  Context context(options_of_rank());
  const std::vector<Figure> figures = Network(context, rounds).run();
  if (context.rank() == 0) report(figures);
}

std::vector<Figure> measure(int rounds, bool netns) {
  const auto self = std::filesystem::read_symlink("/proc/self/exe");
  std::vector<std::string> words{self.parent_path() / "symmem", "run", "-n", "2", "--nodes", "2"};
  if (netns) {
    words.emplace_back("--netns");
    ::setenv("BENCH_PEER_HOST", "10.77.0.2", 1);
  }
  for (const std::string& word :
       {self.string(), std::string("--as-rank"), std::string("--rounds"), std::to_string(rounds)})
    words.push_back(word);
  // The launcher prefixes the line with "[0] ".
  return figures_of(run_program(words).at(0).substr(4));
}

}  // namespace
}  // namespace symmem::bench

int main(int argc, char** argv) {
  using namespace symmem::bench;
  bool netns = false;
  return run_main(
      argc, argv, "bench_network",
      {.description =
           "benchmark host memory of two simulated hosts and compare it with raw UCP and TCP",
       .run_rank = run_rank,
       .measure = [&](int rounds) { return measure(rounds, netns); },
       .title =
           [&] {
             return netns ? "Host memory, two network namespaces"
                          : "Host memory, two hosts on loopback";
           },
       .add_options =
           [&](CLI::App& app) {
             app.add_flag("--netns", netns,
                          "put each host into a separate network namespace (requires root)");
           }});
}
