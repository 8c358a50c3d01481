// SPDX-License-Identifier: Apache-2.0
#include <sys/mman.h>

#include <thread>

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

/// Runs `operation` on rank 0 while rank 1 is stopped, then wakes that.
void with_a_stopped_peer(const char* named, const Operation& operation,
                         const char* default_timeout = "1h") {
  if (!can_use_ucx()) return;
  RanksSettings settings = on_hosts(2);
  settings.environment["SYMMEM_TIMEOUT"] = default_timeout;
  settings.environment["SYMMEM_LIVENESS"] = "1h";
  Ranks ranks(
      2,
      [&](RankProcess& self) {
        arrive(self, "name", name_here(self.rank));
        const std::string stopped = await(self.control, "name", 1);
        {
          Options options = Options::from_env();
          const auto store = connect(options);
          Context context(options, store);
          const Tensor tensor = allocate(context, kWorld, kBytes);
          // The store does not answer for a stopped rank either: this one may take long.
          const auto memory = context.rendezvous(tensor, {}, 60s);
          arrive(self, "met");
          self.control.get("stopped");
          if (self.rank == 0) {
            const Mapping mapping;
            check_error(Errc::timeout, {named, stopped}, [&] { operation(*memory, mapping); });
          }
          arrive(self, "through");
          // Whatever comes late must find nothing to spoil.
          await_all(self.control, "through", {0, 1});
        }
        arrive(self, "ended");
        await_all(self.control, "ended", {0, 1});
      },
      settings);
  await_all(ranks.control(), "met", {0, 1});
  ranks.signal(1, SIGSTOP);
  ranks.control().set("stopped", "");
  await(ranks.control(), "through", 0);
  ranks.signal(1, SIGCONT);
  ranks.expect_success();
}

}  // namespace

TEST_CASE("a put to a stopped rank ends at the deadline, and lets go of its source") {
  with_a_stopped_peer(
      "put", [](auto& memory, auto& own) { memory.put(1, 0, own.data(), kBytes); }, "1s");
}

TEST_CASE("a get from a stopped rank ends at the deadline, and lets go of its target") {
  with_a_stopped_peer(
      "get", [](auto& memory, auto& own) { memory.get(1, 0, own.data(), kBytes); }, "1s");
}

TEST_CASE("an atomic operation at a stopped rank ends at the deadline") {
  with_a_stopped_peer(
      "atomic operation", [](auto& memory, auto&) { memory.template fetch_add<int>(1, 0, 1); },
      "1s");
}

TEST_CASE("a flush of small puts to a stopped rank ends at its deadline") {
  with_a_stopped_peer("flush", [](auto& memory, auto& own) {
    memory.put(1, 0, own.data(), 8);
    memory.flush(1, kShort);
  });
}

TEST_CASE("a flush of large puts to a stopped rank ends at its deadline, without their sources") {
  with_a_stopped_peer("flush", [](auto& memory, auto& own) {
    memory.put_nbi(1, 0, own.data(), kBytes);
    memory.flush(1, kShort);
  });
}

TEST_CASE("a flush of gets from a stopped rank ends at its deadline, without their targets") {
  with_a_stopped_peer("flush", [](auto& memory, auto& own) {
    memory.get_nbi(1, 0, own.data(), kBytes);
    memory.flush(1, kShort);
  });
}

TEST_CASE("a signal behind a large put to a stopped rank ends at its deadline") {
  with_a_stopped_peer("put_signal", [](auto& memory, auto& own) {
    memory.put_nbi(1, 0, own.data(), kBytes);
    memory.put_signal(1, 0, kShort);
  });
}

TEST_CASE("while one thread flushes, another one's signal does not overtake the puts") {
  with_a_stopped_peer("put_signal", [](auto& memory, auto& own) {
    memory.put_nbi(1, 0, own.data(), kBytes);
    const auto signal = [&memory] { memory.put_signal(1, 0, kShort); };
    std::vector<std::optional<Error>> errors(2);
    std::thread other([&] { errors[1] = harness::error_of(signal); });
    errors[0] = harness::error_of(signal);
    other.join();
    // The first to end may end the connection.
    for (const auto& error : errors) CHECK(error);
    throw errors[0] && errors[0]->code() == Errc::timeout ? *errors[0] : errors[1].value();
  });
}
