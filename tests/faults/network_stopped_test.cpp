// SPDX-License-Identifier: Apache-2.0
#include <sys/mman.h>

#include <thread>

#include "faults/faults.hpp"
#include "harness/network.hpp"

using namespace symmem;
using namespace symmem::faults;
using namespace std::chrono_literals;
using harness::can_use_ucx;
using harness::on_hosts;

namespace {

/// Many more bytes than socket buffers hold.
constexpr std::size_t kBytes = 64 << 20;
/// So few bytes that a get_nbi of this size does not block.
constexpr std::size_t kFew = 1 << 20;
constexpr Timeout kShort = 1s;

/// Memory with its own mmap: any access after munmap crashes.
class Mapping {
 public:
  Mapping()
      : at_(::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    REQUIRE(at_ != MAP_FAILED);
  }
  ~Mapping() { ::munmap(at_, kBytes); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  std::span<std::byte> first(std::size_t bytes) const {
    return {static_cast<std::byte*>(at_), bytes};
  }
  std::span<std::byte> all() const { return first(kBytes); }

 private:
  void* at_;
};

/// Waits on the rank until the test has stopped rank 1.
void wait_until_stopped(RankProcess& self) {
  arrive(self, "connected");
  self.control.get("stopped");
}

/// Stops rank 1 once both ranks call wait_until_stopped().
void stop_rank_1(Ranks& ranks) {
  await_all(ranks.control(), "connected", {0, 1});
  stop(ranks, 1);
  ranks.control().set("stopped", "");
}

/// Continues rank 1 and checks that both ranks succeed.
void continue_rank_1(Ranks& ranks) {
  ranks.signal(1, SIGCONT);
  ranks.expect_success();
}

/// An operation that times out while rank 1 is stopped. When it throws, it must have released the
/// mapping.
using Operation = std::function<void(SymmetricMemory&, const Mapping&)>;

/// The timeouts of a test, and the error that they cause.
struct Deadlines {
  std::string timeout = "1s";
  std::string liveness = "1h";
  Errc code = Errc::timeout;
};
/// Timeouts with which the store reports the stopped rank as lost.
const Deadlines kUntilLost{"60s", "5s", Errc::peer_lost};

/// Runs `operation` on rank 0 while rank 1 is stopped, then continues rank 1. Any call in
/// `operation` may time out: even a nonblocking call blocks while too much data is in flight.
void with_a_stopped_peer(const Operation& operation, const Deadlines& deadlines = {}) {
  if (!can_use_ucx()) return;
  RanksSettings settings = on_hosts(2);
  settings.environment["SYMMEM_TIMEOUT"] = deadlines.timeout;
  settings.environment["SYMMEM_LIVENESS"] = deadlines.liveness;
  Ranks ranks(
      2,
      [&](RankProcess& self) {
        arrive(self, "name", name_here(self.rank));
        const std::string stopped = await(self.control, "name", 1);
        harness::use_ucx_once();
        leaving_nothing([&] {
          Options options = Options::from_env();
          const auto store = connect(options);
          arrive_and_await(self, "join", {0, 1});
          Context context(options, store);
          const auto buffer = allocate(context, kWorld, kBytes);
          const auto memory = context.rendezvous(buffer, {}, 60s);
          wait_until_stopped(self);
          if (self.rank == 0) {
            const Mapping mapping;
            check_error(deadlines.code, {stopped}, [&] { operation(*memory, mapping); });
          }
          arrive(self, "done");
          // Data that arrives late must not change any memory.
          await_all(self.control, "done", {0, 1});
        });
        arrive_and_await(self, "ended", {0, 1});
      },
      settings);
  stop_rank_1(ranks);
  await(ranks.control(), "done", 0);
  continue_rank_1(ranks);
}

}  // namespace

TEST_CASE("a put to a stopped rank times out and releases its source") {
  with_a_stopped_peer([](auto& memory, auto& own) { memory.put(1, 0, own.all()); });
}

TEST_CASE("a get from a stopped rank times out and releases its target") {
  with_a_stopped_peer([](auto& memory, auto& own) { memory.get(1, 0, own.all()); });
}

TEST_CASE("an atomic operation on a stopped rank times out") {
  with_a_stopped_peer([](auto& memory, auto&) { memory.template fetch_add<int>(1, 0, 1); });
}

TEST_CASE("a flush of small puts to a stopped rank times out") {
  with_a_stopped_peer([](auto& memory, auto& own) {
    memory.put(1, 0, own.first(8));
    memory.flush(1, kShort);
  });
}

TEST_CASE("a flush of a large put to a stopped rank times out and releases the source of the put") {
  with_a_stopped_peer([](auto& memory, auto& own) {
    memory.put_nbi(1, 0, own.all());
    memory.flush(1, kShort);
  });
}

TEST_CASE("a flush of a get from a stopped rank times out and releases the target of the get") {
  with_a_stopped_peer([](auto& memory, auto& own) {
    memory.get_nbi(1, 0, own.first(kFew));
    memory.flush(1, kShort);
  });
}

TEST_CASE("a large put_with_signal to a stopped rank times out") {
  with_a_stopped_peer(
      [](auto& memory, auto& own) { memory.put_with_signal(1, 0, own.all(), 0, kShort); });
}

TEST_CASE("a list get from a stopped rank times out and releases all targets") {
  with_a_stopped_peer([](auto& memory, auto& own) {
    std::vector<GetPiece> pieces;
    for (std::size_t at = 0; at < kBytes; at += kFew)
      pieces.push_back({at, own.all().subspan(at, kFew)});
    memory.get(1, pieces);
  });
}

TEST_CASE("a strided get from a stopped rank times out and releases its target") {
  with_a_stopped_peer([](auto& memory, auto& own) {
    memory.get_strided(
        1, 0, own.all(),
        {.bytes = kFew, .count = kBytes / kFew, .local_stride = kFew, .peer_stride = kFew});
  });
}

TEST_CASE("if the peer is lost after a get_nbi, the failed flush releases the target") {
  const auto operation = [](auto& memory, auto& own) {
    memory.get_nbi(1, 0, own.first(kFew));
    CHECK_THROWS_AS(memory.wait_signal(1, 0), Error);  // From now on rank 1 counts as lost.
    memory.flush(1);
  };
  with_a_stopped_peer(operation, kUntilLost);
}

TEST_CASE("if the peer is lost after a put_nbi, the failed flush releases the source") {
  const auto operation = [](auto& memory, auto& own) {
    memory.put_nbi(1, 0, own.all());
    CHECK_THROWS_AS(memory.wait_signal(1, 0), Error);
    memory.flush(1);
  };
  with_a_stopped_peer(operation, kUntilLost);
}

TEST_CASE("if the peer is lost after a get_nbi, the failed close releases the target") {
  const auto operation = [](auto& memory, auto& own) {
    memory.get_nbi(1, 0, own.first(kFew));
    CHECK_THROWS_AS(memory.wait_signal(1, 0), Error);
    memory.close();
  };
  with_a_stopped_peer(operation, kUntilLost);
}

TEST_CASE("a flush that times out does not abort the put of another thread") {
  if (!can_use_ucx()) return;
  Ranks ranks(
      2,
      [](RankProcess& self) {
        Context context;
        Shared shared(context, kWorld, kBytes);
        SymmetricMemory& memory = *shared.memory;
        wait_until_stopped(self);
        if (self.rank == 0) {
          const std::vector<char> sent(kBytes, 'x');
          std::thread other([&] { memory.put(1, 0, std::span(sent)); });
          // The loop ends with a timeout once the other thread's put is in flight.
          const auto flush = [&] {
            for (;;) memory.flush(1, 1ms);
          };
          CHECK_THROWS_AS(flush(), Error);
          arrive(self, "done");
          other.join();
          memory.put_signal(1, 0);
        } else {
          memory.wait_signal(0, 0);
          CHECK(std::string(shared.own<char>(), kBytes) == std::string(kBytes, 'x'));
        }
        memory.close();
      },
      on_hosts(2));
  stop_rank_1(ranks);
  await(ranks.control(), "done", 0);
  continue_rank_1(ranks);
}

TEST_CASE("a rank that is stopped for less time than any timeout receives all puts and signals") {
  if (!can_use_ucx()) return;
  Ranks ranks(
      2,
      [](RankProcess& self) {
        harness::use_ucx_once();
        leaving_nothing([&] {
          Context context;
          Shared shared(context, kWorld, kFew);
          SymmetricMemory& memory = *shared.memory;
          wait_until_stopped(self);
          if (self.rank == 0) {
            const std::vector<char> sent(kFew, 'x');
            memory.put_nbi(1, 0, std::as_bytes(std::span(sent)));
            for (int i = 0; i < 100; ++i) memory.put_signal(1, 0);
            memory.flush();
          } else {
            for (int i = 0; i < 100; ++i) memory.wait_signal(0, 0);
            CHECK(std::string(shared.own<char>(), kFew) == std::string(kFew, 'x'));
          }
          memory.close();
        });
      },
      on_hosts(2));
  stop_rank_1(ranks);
  // Does not wait for rank 0, whose put_signal calls may block until the put completes.
  continue_rank_1(ranks);
}
