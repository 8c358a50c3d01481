// SPDX-License-Identifier: Apache-2.0
// Tests of groups, with every kind of store.
#include <atomic>
#include <future>
#include <mutex>
#include <set>

#include "raw_member.hpp"
#include "store/limits.hpp"
#include "stores.hpp"

namespace symmem {
namespace {

using namespace std::chrono_literals;
using Strings = std::vector<std::string>;

/// Returns one client per rank. The clients must outlive the ranks' threads, because the server
/// keeps the result of a failed join only while a participant is connected.
template <typename S>
std::vector<std::shared_ptr<KeyValueStore>> clients_of(S& stores, int count) {
  std::vector<std::shared_ptr<KeyValueStore>> clients;
  for (int i = 0; i < count; ++i) clients.push_back(stores.client());
  return clients;
}

TEST_CASE_TEMPLATE(
    "ranks that join a group receive the list of members, gather values and end the group", S,
    ALL_STORES) {
  S stores;
  std::mutex mutex;
  std::set<std::string> ids;
  for (int round = 0; round < 2; ++round)
    check_none(errors_of_threads(4, [&](int rank) {
      const auto store = stores.client();
      const Membership group = store->join(join_of(rank, 4), nullptr);
      CHECK(group.group == "world");
      CHECK(group.rank == rank);
      REQUIRE(group.members.size() == 4);
      CHECK(group.members[2].host == "host2");
      CHECK(group.members[2].pid == 1002);
      CHECK(group.members[2].id == 79);
      CHECK(store->gather(group, "key", "v" + std::to_string(rank)) ==
            Strings{"v0", "v1", "v2", "v3"});
      store->end(group);
      check_error([&] { store->gather(group, "late", ""); }, Errc::finished);
      const std::lock_guard lock(mutex);
      ids.insert(group.id);
    }));
  CHECK(ids.size() == 2);  // One id per round: names are reused, ids are not.
}

TEST_CASE_TEMPLATE("a group of one rank joins, gathers and ends alone", S, ALL_STORES) {
  S stores;
  const auto store = stores.client();
  const Membership group = store->join(join_of(0, 1), nullptr, 0ms);
  CHECK(store->gather(group, "key", "value", 0ms) == Strings{"value"});
  store->end(group, 0ms);
}

TEST_CASE_TEMPLATE("a join fails on all other ranks with the same error if one rank is missing", S,
                   ALL_STORES) {
  S stores;
  const auto clients = clients_of(stores, 3);
  const auto errors = errors_of_threads(3, [&](int caller) {
    // Rank 2 never joins. The ranks have different deadlines but receive the same error.
    clients[static_cast<std::size_t>(caller)]->join(join_of(caller == 2 ? 3 : caller, 4), nullptr,
                                                    caller == 0 ? Timeout(500ms) : kAmple);
  });
  check_alike(
      errors, Errc::timeout,
      {"join of group", "rank 2 (never joined)", "rank 0 (host host0, pid 1000)", "0.500 s"});
}

TEST_CASE_TEMPLATE("a rank that joins after the join failed receives the same error at once", S,
                   ALL_STORES) {
  S stores;
  const auto first = stores.client(), second = stores.client();
  const auto failed = error_of([&] { first->join(join_of(0, 2), nullptr, kBrief); });
  const auto late = error_of([&] { second->join(join_of(1, 2), nullptr, kAmple); });
  check_error(late, Errc::timeout);
  CHECK(std::string(late.value().what()) == failed.value().what());
  // Both ranks have received the error, so the name is free.
  check_none(errors_of_threads(
      2, [&](int rank) { (rank == 0 ? first : second)->join(join_of(rank, 2), nullptr); }));
}

TEST_CASE_TEMPLATE(
    "a join fails on all ranks if two processes claim one rank, and the error names both processes",
    S, ALL_STORES) {
  S stores;
  const auto clients = clients_of(stores, 3);
  const auto errors = errors_of_threads(3, [&](int caller) {
    JoinRequest request = join_of(caller, 4);
    if (caller == 2) request.rank = 1;
    clients[static_cast<std::size_t>(caller)]->join(request, nullptr);
  });
  check_alike(errors, Errc::invalid_argument,
              {"rank 1", "(host host1, pid 1001)", "(host host2, pid 1002)"});
}

TEST_CASE_TEMPLATE(
    "a join fails on all ranks if the world sizes differ, and the error contains both sizes", S,
    ALL_STORES) {
  S stores;
  const auto clients = clients_of(stores, 2);
  const auto errors = errors_of_threads(2, [&](int rank) {
    clients[static_cast<std::size_t>(rank)]->join(join_of(rank, rank == 0 ? 3 : 2), nullptr);
  });
  check_alike(errors, Errc::invalid_argument,
              {"rank 0 (host host0, pid 1000)", "rank 1 (host host1, pid 1001)", "3", "2"});
}

TEST_CASE_TEMPLATE("a rank out of range is refused and does not fail the join of other ranks", S,
                   ALL_STORES) {
  S stores;
  const auto store = stores.client();
  for (const auto& [rank, size] : {std::pair{2, 2}, {-1, 2}, {0, 0}, {0, -1}})
    check_error([&] { store->join(join_of(rank, size), nullptr, kAmple); }, Errc::invalid_argument);
  check_none(
      errors_of_threads(2, [&](int rank) { stores.client()->join(join_of(rank, 2), nullptr); }));
}

/// Ranks that have joined one group, each with its own client.
template <typename S>
struct Joined {
  explicit Joined(int count, std::function<std::shared_ptr<GroupListener>(int)> listener = {}) {
    clients = clients_of(stores, count);
    groups.resize(static_cast<std::size_t>(count));
    check_none(errors_of_threads(count, [&](int rank) {
      const auto i = static_cast<std::size_t>(rank);
      groups[i] = clients[i]->join(join_of(rank, count), listener ? listener(rank) : nullptr);
    }));
  }
  Strings gather(int rank, const std::string& key, Timeout timeout = {}) {
    const auto i = static_cast<std::size_t>(rank);
    return clients[i]->gather(groups[i], key, "v" + std::to_string(rank), timeout);
  }
  void leave(int rank) {
    const auto i = static_cast<std::size_t>(rank);
    clients[i]->leave(groups[i]);
  }
  S stores;
  std::vector<std::shared_ptr<KeyValueStore>> clients;
  std::vector<Membership> groups;
};

TEST_CASE_TEMPLATE("a process that claims a member's rank is refused and does not affect the group",
                   S, ALL_STORES) {
  Joined<S> ranks(2);
  JoinRequest request = join_of(7, 8);
  request.rank = 1;
  check_error([&] { ranks.stores.client()->join(request, nullptr); }, Errc::invalid_argument,
              {"(host host1, pid 1001)", "(host host7, pid 1007)"});
  check_error([&] { ranks.stores.client()->join(join_of(7, 8), nullptr); }, Errc::invalid_argument);
  check_none(errors_of_threads(2, [&](int rank) {
    CHECK(ranks.gather(rank, "k") == Strings{"v0", "v1"});
  }));
}

TEST_CASE_TEMPLATE(
    "a gather has one result, and a rank that calls late receives this result at once", S,
    ALL_STORES) {
  Joined<S> ranks(3);
  const auto errors = errors_of_threads(
      2, [&](int rank) { ranks.gather(rank, "key", rank == 0 ? Timeout(300ms) : kAmple); });
  check_alike(
      errors, Errc::timeout,
      {"gather \"key\" of group", "rank 0 waited 0.300 s", "rank 2 (host host2, pid 1002)"});
  const auto late = error_of([&] { ranks.gather(2, "key", kAmple); });
  CHECK(std::string(late.value().what()) == errors[0]->what());
  check_none(
      errors_of_threads(3, [&](int rank) { CHECK(ranks.gather(rank, "next").size() == 3); }));
}

TEST_CASE_TEMPLATE("a gather with a zero timeout fails on all ranks", S, ALL_STORES) {
  Joined<S> ranks(2);
  check_error([&] { ranks.gather(0, "key", 0ms); }, Errc::timeout);
  check_error([&] { ranks.gather(1, "key", kAmple); }, Errc::timeout);
}

TEST_CASE_TEMPLATE("each rank may use a gather key only once", S, ALL_STORES) {
  Joined<S> ranks(2);
  check_error([&] { ranks.gather(0, "key", kBrief); }, Errc::timeout);
  check_error([&] { ranks.gather(0, "key", kAmple); }, Errc::invalid_argument);
}

TEST_CASE_TEMPLATE("concurrent gathers with different keys do not mix", S, ALL_STORES) {
  Joined<S> ranks(2);
  check_none(errors_of_threads(8, [&](int caller) {
    const std::string key = "key" + std::to_string(caller / 2);
    CHECK(ranks.gather(caller % 2, key) == Strings{"v0", "v1"});
  }));
}

TEST_CASE_TEMPLATE("the end of a group fails the gathers that are still pending", S, ALL_STORES) {
  S stores;
  const auto clients = clients_of(stores, 2);
  check_none(errors_of_threads(2, [&](int rank) {
    const auto& store = clients[static_cast<std::size_t>(rank)];
    const Membership group = store->join(join_of(rank, 2), nullptr);
    std::future<std::optional<Error>> waiting;
    if (rank == 0) {
      waiting = std::async(std::launch::async,
                           [&] { return error_of([&] { store->gather(group, "alone", ""); }); });
      // If the gather above is sent only after the end, it fails with the same code.
      store->gather(group, "both", "");
    } else {
      store->gather(group, "both", "");
    }
    store->end(group);
    if (rank == 0) check_error(waiting.get(), Errc::finished);
  }));
}

TEST_CASE_TEMPLATE("when a rank leaves, pending and later gathers that need this rank fail", S,
                   ALL_STORES) {
  Joined<S> ranks(3);
  std::vector<std::optional<Error>> errors;
  const auto leaving = std::async(std::launch::async, [&] { ranks.leave(2); });
  errors = errors_of_threads(2, [&](int rank) { ranks.gather(rank, "key", kAmple); });
  check_alike(errors, Errc::peer_lost, {"rank 2 (host host2, pid 1002)", "has left"});
  check_error([&] { ranks.gather(0, "later", kAmple); }, Errc::peer_lost);
  check_error([&] { ranks.gather(2, "key", kAmple); }, Errc::finished);
}

TEST_CASE_TEMPLATE("after a departure the remaining ranks may form a group with the same name", S,
                   ALL_STORES) {
  Joined<S> ranks(3);
  ranks.leave(2);
  check_none(errors_of_threads(2, [&](int rank) {
    const auto store = ranks.clients[static_cast<std::size_t>(rank)];
    const Membership group = store->join(join_of(rank, 2), nullptr);
    CHECK(store->gather(group, "key", "").size() == 2);
  }));
}

TEST_CASE_TEMPLATE("a gather whose values exceed the limit fails on all ranks", S, HashStores,
                   TcpStores) {
  Joined<S> ranks(3);
  const auto errors = errors_of_threads(3, [&](int rank) {
    const auto i = static_cast<std::size_t>(rank);
    ranks.clients[i]->gather(ranks.groups[i], "key", std::string(store::kMaxValueBytes, 'v'));
  });
  check_alike(errors, Errc::invalid_argument, {"134217728"});
}

TEST_CASE_TEMPLATE("all members except the leaving member are notified that it leaves", S,
                   ALL_STORES) {
  std::vector<std::shared_ptr<Recorder>> recorders;
  for (int rank = 0; rank < 3; ++rank) recorders.push_back(std::make_shared<Recorder>());
  Joined<S> ranks(3, [&](int rank) { return recorders[static_cast<std::size_t>(rank)]; });
  ranks.leave(1);
  CHECK(recorders[0]->received("1 left"));
  CHECK(recorders[2]->received("1 left"));
  CHECK(recorders[1]->lines().empty());
}

TEST_CASE("a member whose connection closes is lost: gathers fail and other members are notified") {
  std::vector<std::shared_ptr<Recorder>> recorders;
  for (int rank = 0; rank < 3; ++rank) recorders.push_back(std::make_shared<Recorder>());
  Joined<TcpStores> ranks(3, [&](int rank) { return recorders[static_cast<std::size_t>(rank)]; });
  auto going = std::async(std::launch::async, [&] { ranks.clients[2].reset(); });
  const auto errors = errors_of_threads(2, [&](int rank) { ranks.gather(rank, "key", kAmple); });
  going.get();
  check_alike(errors, Errc::peer_lost, {"rank 2 (host host2, pid 1002) was lost", "closed"});
  CHECK(recorders[0]->received("2 lost"));
  CHECK(recorders[1]->received("2 lost"));
}

/// Sends a join of a group of 3 ranks and returns when the server has handled it.
void begin_join(RawMember& member, std::uint64_t rank, std::uint64_t pid) {
  member.send(store::Kind::join, store::encode(store::Request{.kind = store::Kind::join,
                                                              .timeout = kAmple,
                                                              .keys = {"world"},
                                                              .values = {"host"},
                                                              .numbers = {rank, 3, pid, 78}}));
  member.send(store::Kind::ping, store::encode(store::Request{}));
  REQUIRE(member.receive()
              .has_value());  // Receives the pong, which is sent after the join was handled.
}

TEST_CASE("the pending join of a rank fails if the rank's connection closes") {
  TcpStores stores;
  RawMember staying(stores.server), going(stores.server);
  begin_join(staying, 0, 1000);
  begin_join(going, 1, 1001);
  going.close();
  check_error([&] { store::decode_reply(staying.receive().value()); }, Errc::peer_lost,
              {"rank 1 (host host, pid 1001) was lost"});
}

}  // namespace
}  // namespace symmem
