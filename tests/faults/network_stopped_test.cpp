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

/// Much more than what sockets hold.
constexpr std::size_t kBytes = 64 << 20;
/// So few that asking for them never waits.
constexpr std::size_t kFew = 1 << 20;
constexpr Timeout kShort = 1s;

/// Memory of its own mapping: whoever touches it after its end crashes.
class Mapping {
 public:
  Mapping()
      : at_(::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    REQUIRE(at_ != MAP_FAILED);
  }
  ~Mapping() { ::munmap(at_, kBytes); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  char* data() const { return static_cast<char*>(at_); }

 private:
  void* at_;
};

/// What times out while rank 1 is stopped; its memory is free when it has.
using Operation = std::function<void(SymmetricMemory&, const Mapping&)>;

/// How long a peer that is stopped is waited for.
struct Patience {
  std::string timeout = "1s";
  std::string liveness = "1h";
  Errc end = Errc::timeout;
};
/// Until the store says that it is lost.
const Patience kUntilLost{"60s", "5s", Errc::peer_lost};

/// Runs `operation` on rank 0 while rank 1 is stopped, then wakes that. Whichever of its calls
/// comes to wait is the one that times out: those that need not wait do so when enough is under
/// way.
void with_a_stopped_peer(const Operation& operation, const Patience& patience = {}) {
  if (!can_use_ucx()) return;
  RanksSettings settings = on_hosts(2);
  settings.environment["SYMMEM_TIMEOUT"] = patience.timeout;
  settings.environment["SYMMEM_LIVENESS"] = patience.liveness;
  Ranks ranks(
      2,
      [&](RankProcess& self) {
        arrive(self, "name", name_here(self.rank));
        const std::string stopped = await(self.control, "name", 1);
        harness::use_ucx_once();
        leaving_nothing([&] {
          Options options = Options::from_env();
          const auto store = connect(options);
          meet(self, "join", {0, 1});
          Context context(options, store);
          const Tensor tensor = allocate(context, kWorld, kBytes);
          const auto memory = context.rendezvous(tensor, {}, 60s);
          arrive(self, "met");
          self.control.get("stopped");
          if (self.rank == 0) {
            const Mapping mapping;
            check_error(patience.end, {stopped}, [&] { operation(*memory, mapping); });
          }
          arrive(self, "through");
          // Whatever comes late must find nothing to spoil.
          await_all(self.control, "through", {0, 1});
        });
        meet(self, "ended", {0, 1});
      },
      settings);
  await_all(ranks.control(), "met", {0, 1});
  stop(ranks, 1);
  ranks.control().set("stopped", "");
  await(ranks.control(), "through", 0);
  ranks.signal(1, SIGCONT);
  ranks.expect_success();
}

}  // namespace

TEST_CASE("a put to a stopped rank ends at the deadline, and lets go of its source") {
  with_a_stopped_peer([](auto& memory, auto& own) { memory.put(1, 0, own.data(), kBytes); });
}

TEST_CASE("a get from a stopped rank ends at the deadline, and lets go of its target") {
  with_a_stopped_peer([](auto& memory, auto& own) { memory.get(1, 0, own.data(), kBytes); });
}

TEST_CASE("an atomic operation at a stopped rank ends at the deadline") {
  with_a_stopped_peer([](auto& memory, auto&) { memory.template fetch_add<int>(1, 0, 1); });
}

TEST_CASE("a flush of small puts to a stopped rank ends at its deadline") {
  with_a_stopped_peer([](auto& memory, auto& own) {
    memory.put(1, 0, own.data(), 8);
    memory.flush(1, kShort);
  });
}

TEST_CASE("a flush of a large put to a stopped rank ends at its deadline, without its source") {
  with_a_stopped_peer([](auto& memory, auto& own) {
    memory.put_nbi(1, 0, own.data(), kBytes);
    memory.flush(1, kShort);
  });
}

TEST_CASE("a flush of a get from a stopped rank ends at its deadline, without its target") {
  with_a_stopped_peer([](auto& memory, auto& own) {
    memory.get_nbi(1, 0, own.data(), kFew);
    memory.flush(1, kShort);
  });
}

TEST_CASE("a large put with a signal to a stopped rank ends at its deadline") {
  with_a_stopped_peer(
      [](auto& memory, auto& own) { memory.put_with_signal(1, 0, own.data(), kBytes, 0, kShort); });
}

TEST_CASE("a list get from a stopped rank ends at the deadline, without any of its targets") {
  with_a_stopped_peer([](auto& memory, auto& own) {
    std::vector<GetPiece> pieces;
    for (std::size_t at = 0; at < kBytes; at += kFew) pieces.push_back({at, own.data() + at, kFew});
    memory.get(1, pieces);
  });
}

TEST_CASE("a strided get from a stopped rank ends at the deadline, without its target") {
  with_a_stopped_peer([](auto& memory, auto& own) {
    memory.get_strided(
        1, 0, own.data(),
        {.bytes = kFew, .count = kBytes / kFew, .local_stride = kFew, .peer_stride = kFew});
  });
}

TEST_CASE("the flush of a get from a rank that is lost meanwhile lets go of its target") {
  const auto operation = [](auto& memory, auto& own) {
    memory.get_nbi(1, 0, own.data(), kFew);
    CHECK_THROWS_AS(memory.wait_signal(1, 0), Error);  // It is known to be lost from now on.
    memory.flush(1);
  };
  with_a_stopped_peer(operation, kUntilLost);
}

TEST_CASE("the flush of a put to a rank that is lost meanwhile lets go of its source") {
  const auto operation = [](auto& memory, auto& own) {
    memory.put_nbi(1, 0, own.data(), kBytes);
    CHECK_THROWS_AS(memory.wait_signal(1, 0), Error);
    memory.flush(1);
  };
  with_a_stopped_peer(operation, kUntilLost);
}

TEST_CASE("a close that fails for a lost rank lets go of the target of a get") {
  const auto operation = [](auto& memory, auto& own) {
    memory.get_nbi(1, 0, own.data(), kFew);
    CHECK_THROWS_AS(memory.wait_signal(1, 0), Error);
    memory.close();
  };
  with_a_stopped_peer(operation, kUntilLost);
}

TEST_CASE("a flush of one thread that ends at its deadline does not end another's put") {
  if (!can_use_ucx()) return;
  Ranks ranks(
      2,
      [](RankProcess& self) {
        Context context;
        Shared shared(context, kWorld, kBytes);
        SymmetricMemory& memory = *shared.memory;
        arrive(self, "met");
        self.control.get("stopped");
        if (self.rank == 0) {
          const std::vector<char> sent(kBytes, 'x');
          std::thread other([&] { memory.put(1, 0, sent.data(), kBytes); });
          // As soon as the other's put is under way, which cannot end.
          const auto flush = [&] {
            for (;;) memory.flush(1, 1ms);
          };
          CHECK_THROWS_AS(flush(), Error);
          arrive(self, "through");
          other.join();
          memory.put_signal(1, 0);
        } else {
          memory.wait_signal(0, 0);
          CHECK(std::string(shared.tensor.data<char>(), kBytes) == std::string(kBytes, 'x'));
        }
        memory.close();
      },
      on_hosts(2));
  await_all(ranks.control(), "met", {0, 1});
  stop(ranks, 1);
  ranks.control().set("stopped", "");
  await(ranks.control(), "through", 0);
  ranks.signal(1, SIGCONT);
  ranks.expect_success();
}

TEST_CASE("a rank that was stopped for less than any deadline has missed nothing") {
  if (!can_use_ucx()) return;
  Ranks ranks(
      2,
      [](RankProcess& self) {
        harness::use_ucx_once();
        leaving_nothing([&] {
          Context context;
          Shared shared(context, kWorld, kFew);
          SymmetricMemory& memory = *shared.memory;
          arrive(self, "met");
          self.control.get("stopped");
          if (self.rank == 0) {
            const std::vector<char> sent(kFew, 'x');
            memory.put_nbi(1, 0, sent.data(), kFew);
            for (int i = 0; i < 100; ++i) memory.put_signal(1, 0);
            memory.flush();
          } else {
            for (int i = 0; i < 100; ++i) memory.wait_signal(0, 0);
            CHECK(std::string(shared.tensor.data<char>(), kFew) == std::string(kFew, 'x'));
          }
          memory.close();
        });
      },
      on_hosts(2));
  await_all(ranks.control(), "met", {0, 1});
  stop(ranks, 1);
  ranks.control().set("stopped", "");
  // What was accepted is accepted; the signals may wait for the put that goes before them.
  ranks.signal(1, SIGCONT);
  ranks.expect_success();
}
