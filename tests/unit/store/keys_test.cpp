// SPDX-License-Identifier: Apache-2.0
// Tests of keys, with every kind of store.
#include <atomic>
#include <limits>

#include "store/limits.hpp"
#include "stores.hpp"

namespace symmem {
namespace {

using namespace std::chrono_literals;
using Strings = std::vector<std::string>;

TEST_CASE_TEMPLATE("get returns the last value, also if it has arbitrary bytes", S, ALL_STORES) {
  S stores;
  const auto store = stores.client();
  store->set("key", "one");
  store->set("key", "two");
  CHECK(store->get("key") == "two");
  const std::string bytes("\0\xff\n\"%s{}", 8);
  store->set(bytes, bytes);
  CHECK(store->get(bytes) == bytes);
  store->set("", "");
  CHECK(store->get("") == "");
  CHECK(stores.client()->get("key") == "two");
}

TEST_CASE_TEMPLATE("get waits for a key that another client sets", S, ALL_STORES) {
  S stores;
  const auto store = stores.client();
  std::string got;
  std::thread waiting([&, mine = stores.client()] { got = mine->get("late"); });
  store->set("late", "value");
  waiting.join();
  CHECK(got == "value");
}

TEST_CASE_TEMPLATE("every call that creates a key ends the waits for that key", S, ALL_STORES) {
  S stores;
  const auto store = stores.client();
  std::vector<std::thread> waiting;
  for (const char* key : {"set", "add", "compare_set", "append", "multi_set"})
    waiting.emplace_back([key, mine = stores.client()] { mine->wait({key}); });
  store->set("set", "");
  store->add("add", 1);
  store->compare_set("compare_set", "", "x");
  store->append("append", "x");
  store->multi_set({"multi_set"}, {"x"});
  for (std::thread& thread : waiting) thread.join();
  CHECK(store->num_keys() == 5);
}

TEST_CASE_TEMPLATE("a wait that times out names the missing keys and leaves no state", S,
                   ALL_STORES) {
  S stores;
  const auto store = stores.client();
  store->set("there", "");
  const auto error = error_of([&] { store->wait({"there", "a", "b"}, kBrief); });
  check_error(error, Errc::timeout, {"a\"", "b\"", "0.030 s"});
  CHECK(!contains(error.value().what(), "there"));
  check_error([&] { store->get("a", kBrief); }, Errc::timeout);
  store->set("a", "1");
  CHECK(store->get("a") == "1");
  CHECK(store->num_keys() == 2);
}

TEST_CASE_TEMPLATE("a zero timeout polls once, a negative timeout is an error", S, ALL_STORES) {
  S stores;
  const auto store = stores.client();
  check_error([&] { store->get("key", 0ms); }, Errc::timeout);
  store->set("key", "value", 0ms);
  CHECK(store->get("key", 0ms) == "value");
  check_error([&] { store->get("key", -1ms); }, Errc::invalid_argument);
}

TEST_CASE_TEMPLATE("the longest timeout does not overflow", S, ALL_STORES) {
  S stores;
  const auto store = stores.client();
  std::thread waiting(
      [mine = stores.client()] { mine->wait({"key"}, std::chrono::milliseconds::max()); });
  store->set("key", "");
  waiting.join();
}

TEST_CASE_TEMPLATE("add counts from zero and returns the sum", S, ALL_STORES) {
  S stores;
  const auto store = stores.client();
  CHECK(store->add("count", 5) == 5);
  CHECK(store->add("count", -7) == -2);
  CHECK(store->add("count", 0) == -2);
  CHECK(store->get("count") == "-2");
  store->set("count", "41");
  CHECK(store->add("count", 1) == 42);
}

TEST_CASE_TEMPLATE("add refuses a value that is not a number or an overflow and changes nothing", S,
                   ALL_STORES) {
  S stores;
  const auto store = stores.client();
  for (const char* text : {"", "x", "1x", " 1", "9223372036854775808", "0x10"}) {
    store->set("key", text);
    check_error([&] { store->add("key", 1); }, Errc::invalid_argument);
    CHECK(store->get("key") == text);
  }
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  constexpr auto kLeast = std::numeric_limits<std::int64_t>::min();
  CHECK(store->add("most", kMost) == kMost);
  check_error([&] { store->add("most", 1); }, Errc::invalid_argument);
  CHECK(store->add("most", 0) == kMost);
  CHECK(store->add("least", kLeast) == kLeast);
  check_error([&] { store->add("least", -1); }, Errc::invalid_argument);
}

TEST_CASE_TEMPLATE("compare_set sets the key only if its value is the expected value", S,
                   ALL_STORES) {
  S stores;
  const auto store = stores.client();
  CHECK(store->compare_set("key", "other", "new") == "");
  CHECK(!store->check({"key"}));
  CHECK(store->compare_set("key", "", "first") == "first");
  CHECK(store->compare_set("key", "wrong", "second") == "first");
  CHECK(store->compare_set("key", "first", "second") == "second");
  CHECK(store->get("key") == "second");
}

TEST_CASE_TEMPLATE("check, delete_key and num_keys agree on the existing keys", S, ALL_STORES) {
  S stores;
  const auto store = stores.client();
  CHECK(store->num_keys() == 0);
  CHECK(store->check({}));
  store->multi_set({"a", "b"}, {"1", "2"});
  CHECK(store->check({"a", "b"}));
  CHECK(!store->check({"a", "c"}));
  CHECK(store->num_keys() == 2);
  CHECK(store->delete_key("a"));
  CHECK(!store->delete_key("a"));
  CHECK(store->num_keys() == 1);
  check_error([&] { store->get("a", 0ms); }, Errc::timeout);
}

TEST_CASE_TEMPLATE("append creates a key and extends its value", S, ALL_STORES) {
  S stores;
  const auto store = stores.client();
  store->append("key", "ab");
  store->append("key", "");
  store->append("key", "cd");
  CHECK(store->get("key") == "abcd");
}

TEST_CASE_TEMPLATE("list returns the keys with a prefix, sorted", S, ALL_STORES) {
  S stores;
  const auto store = stores.client();
  store->multi_set({"b/2", "a", "b/1", "b", "c"}, {"", "", "", "", ""});
  CHECK(store->list() == Strings{"a", "b", "b/1", "b/2", "c"});
  CHECK(store->list("b/") == Strings{"b/1", "b/2"});
  CHECK(store->list("d").empty());
}

TEST_CASE_TEMPLATE("multi_get waits for all keys, also if a key is deleted during the wait", S,
                   ALL_STORES) {
  S stores;
  const auto store = stores.client();
  Strings got;
  store->set("a", "old");
  std::thread waiting([&, mine = stores.client()] { got = mine->multi_get({"a", "b", "c"}); });
  store->set("b", "2");
  store->delete_key("a");
  store->set("c", "3");
  store->set("a", "new");
  waiting.join();
  // The wait may have begun before or after the delete; it never returns without a value.
  CHECK((got == Strings{"new", "2", "3"} || got == Strings{"old", "2", "3"}));
  CHECK(store->multi_get({}).empty());
}

TEST_CASE_TEMPLATE("multi_set is atomic", S, ALL_STORES) {
  S stores;
  const auto store = stores.client();
  store->multi_set({"x", "y"}, {"0", "0"});
  std::atomic<bool> stop{false};
  std::thread writer([&, mine = stores.client()] {
    for (int i = 1; i < 200; ++i)
      mine->multi_set({"x", "y"}, {std::to_string(i), std::to_string(i)});
    stop = true;
  });
  while (!stop) {
    const Strings both = store->multi_get({"x", "y"});
    if (both[0] != both[1]) FAIL_CHECK(both[0], " and ", both[1]);
  }
  writer.join();
  check_error([&] { store->multi_set({"x", "y"}, {"1"}); }, Errc::invalid_argument);
}

TEST_CASE_TEMPLATE("a barrier releases all callers and may be used again", S, ALL_STORES) {
  S stores;
  std::atomic<int> entered{0};
  check_none(errors_of_threads(4, [&](int) {
    const auto store = stores.client();
    for (int round = 1; round <= 3; ++round) {
      ++entered;
      store->barrier("meet", 4);
      CHECK(entered >= 4 * round);
    }
  }));
}

TEST_CASE_TEMPLATE("a caller whose barrier timed out is not counted any more", S, ALL_STORES) {
  S stores;
  const auto store = stores.client();
  check_error([&] { store->barrier("meet", 2, kBrief); }, Errc::timeout, {"1 of 2"});
  check_error([&] { store->barrier("meet", 2, kBrief); }, Errc::timeout);
  std::thread other([mine = stores.client()] { mine->barrier("meet", 2); });
  store->barrier("meet", 2);
  other.join();
  store->barrier("alone", 1, 0ms);
  for (const int count : {0, -1})
    check_error([&] { store->barrier("meet", count); }, Errc::invalid_argument);
}

TEST_CASE_TEMPLATE(
    "a key or a list that exceeds its limit is refused with an error that names the limit", S,
    ALL_STORES) {
  S stores;
  const auto store = stores.client();
  const std::string key(store::kMaxKeyBytes + 1, 'k');
  check_error([&] { store->set(key, ""); }, Errc::invalid_argument, {"8192"});
  const Strings keys(store::kMaxListEntries + 1, "k");
  check_error([&] { store->check(keys); }, Errc::invalid_argument, {"65536"});
}

// Excludes prefix stores, which do not change values.
TEST_CASE_TEMPLATE("a value that exceeds a limit is refused with an error that names the limit", S,
                   HashStores, TcpStores) {
  S stores;
  const auto store = stores.client();
  const std::string value(store::kMaxValueBytes + 1, 'v');
  check_error([&] { store->set("key", value); }, Errc::invalid_argument, {"67108864"});
  store->set("full", value.substr(1));
  check_error([&] { store->append("full", "x"); }, Errc::invalid_argument, {"67108864"});
  CHECK(store->get("full").size() == store::kMaxValueBytes);
  check_error(
      [&] {
        store->multi_get({"full", "full", "full"});
      },
      Errc::invalid_argument, {"134217728"});
  CHECK(store->delete_key("full"));
}

TEST_CASE_TEMPLATE("sixteen threads may use one client at once", S, ALL_STORES) {
  S stores;
  const auto store = stores.client();
  constexpr int kThreads = 16, kRounds = 300;
  check_none(errors_of_threads(kThreads, [&](int rank) {
    const std::string mine = "own/" + std::to_string(rank);
    for (int i = 0; i < kRounds; ++i) {
      store->add("shared", 1);
      store->set(mine, std::to_string(i));
      if (store->get(mine) != std::to_string(i)) FAIL_CHECK("lost a write");
    }
  }));
  CHECK(store->add("shared", 0) == kThreads * kRounds);
  CHECK(store->list("own/").size() == kThreads);
}

TEST_CASE_TEMPLATE("a wait does not delay other threads of its client", S, ALL_STORES) {
  S stores;
  const auto store = stores.client();
  std::vector<std::thread> waiting;
  for (int i = 0; i < 8; ++i) waiting.emplace_back([&] { store->get("last"); });
  for (int i = 0; i < 100; ++i) CHECK(store->add("count", 1) == i + 1);
  store->set("last", "");
  for (std::thread& thread : waiting) thread.join();
}

TEST_CASE("prefix stores separate keys, and each prefix store counts only its own keys") {
  const auto base = make_hash_store();
  const auto a = make_prefix_store("a", base), b = make_prefix_store("b", base);
  a->set("key", "A");
  b->set("key", "B");
  base->set("other", "");
  CHECK(a->get("key") == "A");
  CHECK(b->get("key") == "B");
  CHECK(base->list() == Strings{"a/key", "b/key", "other"});
  CHECK(a->num_keys() == 1);
  CHECK(base->num_keys() == 3);
  check_error([] { make_prefix_store("a", nullptr); }, Errc::invalid_argument);
}

}  // namespace
}  // namespace symmem
