// SPDX-License-Identifier: Apache-2.0
#include "group/collective.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

#include "base/wire.hpp"
#include "harness/errors.hpp"
#include "harness/rank_threads.hpp"
#include "unit/group/stub_store.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

Deadline ample() { return Deadline::in(std::chrono::seconds(60) * kSlow, {}); }

/// Runs `body` on each rank of group "g", one thread per rank. Returns the Error of each rank.
std::vector<std::optional<Error>> on_groups(int size, const std::function<void(Group&)>& body) {
  const auto store = make_hash_store(std::chrono::seconds(60) * kSlow);
  return errors_of_threads(size, [&](int rank) {
    const auto group = std::make_shared<Group>("g", GroupInfo{rank, size, store},
                                               Process{"h", 100 + rank, 1}, ample().timeout());
    // Breaks the reference cycle between store and group, also after an Error.
    const std::shared_ptr<void> end(nullptr,
                                    [&](void*) { group->leave_locally("the test is over"); });
    body(*group);
  });
}

/// Makes one collective call to which the other rank contributes `other`.
std::optional<Error> gather_with(const std::string& other) {
  const auto store = std::make_shared<StubStore>([&](const std::string& mine) {
    return std::vector<std::string>{mine, other};
  });
  const auto group =
      std::make_shared<Group>("g", GroupInfo{0, 2, store}, Process{"h", 1, 1}, ample().timeout());
  return error_of([&] { Collective(*group, "call", ample()).gather([] { return "mine"; }); });
}

std::string contribution(const std::string& operation, std::uint8_t failure,
                         const std::string& value) {
  return Writer()
      .put(std::string_view(operation))
      .put(failure)
      .put(std::string_view(value))
      .bytes();
}

}  // namespace

TEST_CASE("every gather returns the values of all ranks, in rank order, on every rank") {
  check_none(on_groups(3, [](Group& group) {
    std::set<std::string> serials;
    for (int call = 0; call < 5; ++call) {
      Collective collective(group, "call", ample());
      for (int step = 0; step < 3; ++step) {
        const std::string text = std::to_string(call * 10 + step);
        const auto all =
            collective.gather([&] { return text + " of " + std::to_string(group.rank()); });
        CHECK(all == std::vector<std::string>{text + " of 0", text + " of 1", text + " of 2"});
      }
      CHECK(serials.insert(collective.serial()).second);
    }
  }));
}

TEST_CASE("an error on some ranks is thrown on all ranks and leaves the group usable") {
  std::vector<std::optional<Error>> errors(3);
  check_none(on_groups(3, [&](Group& group) {
    errors[static_cast<std::size_t>(group.rank())] = error_of([&] {
      Collective collective(group, "call", ample());
      collective.run([&] {
        collective.gather([&]() -> std::string {
          if (group.rank() == 1) throw Error(Errc::exhausted, "no more");
          if (group.rank() == 2) throw std::runtime_error("other");
          return "";
        });
      });
    });
    Collective(group, "next", ample()).gather([] { return ""; });
  }));
  check_alike(errors, Errc::exhausted,
              {"call of group \"g\"", "failed on all 3 ranks", "rank 1 (host h, pid 101): no more",
               "rank 2 (host h, pid 102): other"});
}

TEST_CASE("an error from many ranks quotes the first errors and counts the other ranks") {
  const auto errors = on_groups(7, [](Group& group) {
    Collective(group, "call", ample()).gather([]() -> std::string {
      throw Error(Errc::refused, "no");
    });
  });
  check_alike(errors, Errc::refused, {"rank 3 (host h, pid 103): no", "and 3 more ranks"});
}

TEST_CASE("while a call runs, a second call is refused in the same group and allowed in another") {
  check_none(on_groups(1, [](Group& group) {
    const auto other = std::make_shared<Group>("other", GroupInfo{0, 1, group.store()},
                                               Process{"h", 1, 1}, ample().timeout());
    const Collective running(group, "first", ample());
    std::optional<Error> second;
    check_none(errors_of_threads(1, [&](int) {
      second = error_of([&] { Collective(group, "second", ample()); });
      Collective(*other, "third", ample()).gather([] { return ""; });
    }));
    check_error(second, Errc::invalid_argument, {"second of group \"g\"", "another thread"});
    other->leave_locally("the test is over");
  }));
}

TEST_CASE("after leave_locally every call fails with the reason") {
  check_none(on_groups(1, [](Group& group) {
    Collective(group, "call", ample()).gather([] { return ""; });
    group.leave_locally("the test is over");
    check_error([&] { Collective(group, "late", ample()).gather([] { return ""; }); },
                Errc::finished, {"the test is over"});
    check_error([&] { group.check_peer(0, "put"); }, Errc::finished, {"put", "the test is over"});
  }));
}

TEST_CASE("every malformed contribution is refused") {
  CHECK_FALSE(gather_with(contribution("call", 0, "theirs")));
  const std::string good = contribution("call", 0, "theirs");
  for (std::size_t length = 0; length < good.size(); ++length)
    check_error(gather_with(good.substr(0, length)), Errc::invalid_argument, {"cut short"});
  check_error(gather_with(good + "x"), Errc::invalid_argument, {"too many"});
  check_error(gather_with(contribution("call", 200, "")), Errc::invalid_argument,
              {"error code 200"});
  check_error(gather_with(contribution("call", static_cast<std::uint8_t>(Errc::internal) + 2, "")),
              Errc::invalid_argument, {"error code"});
  check_error(
      gather_with(contribution("call", static_cast<std::uint8_t>(Errc::timeout) + 1, "late")),
      Errc::timeout, {"rank 1", "late"});
  check_error(gather_with(contribution("other", 0, "")), Errc::invalid_argument,
              {"call by rank 0", "other by rank 1"});
}
