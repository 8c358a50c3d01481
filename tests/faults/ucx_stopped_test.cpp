// SPDX-License-Identifier: Apache-2.0
#include <sys/mman.h>

#include "faults/faults.hpp"
#include "harness/ucx.hpp"

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

/// Runs `operation` on rank 0 while rank 1 is stopped, then wakes that. Whichever of its calls
/// comes to wait is the one that times out: those that need not wait do so when enough is under
/// way.
void with_a_stopped_peer(const Operation& operation) {
  if (!can_use_ucx()) return;
  RanksSettings settings = on_hosts(2);
  settings.environment["SYMMEM_TIMEOUT"] = "1s";
  settings.environment["SYMMEM_LIVENESS"] = "1h";
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
            check_error(Errc::timeout, {stopped}, [&] { operation(*memory, mapping); });
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
