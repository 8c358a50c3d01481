// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "symmem/error.hpp"
#include "symmem/store.hpp"

namespace symmem {

/// Long enough for a loaded machine under a sanitizer; a test that passes never waits for it.
inline constexpr std::chrono::seconds kAmple{60};
/// Short, for what is to time out.
inline constexpr std::chrono::milliseconds kBrief{30};

inline TcpStoreOptions options_for(const StoreServer& server) {
  TcpStoreOptions options;
  options.port = server.port();
  options.timeout = kAmple;
  options.liveness = kAmple;
  return options;
}

// The kinds of store that the contract holds for. client() is what one more rank would hold.

struct HashStores {
  std::shared_ptr<Store> store = make_hash_store(kAmple);
  std::shared_ptr<Store> client() { return store; }
};

struct TcpStores {
  StoreServer server{{}, StoreServer::Serves::one_job};
  std::shared_ptr<Store> client() { return make_tcp_store(options_for(server)); }
};

template <typename Base>
struct Prefixed : Base {
  std::shared_ptr<Store> client() {
    return make_prefix_store("inner", make_prefix_store("outer", Base::client()));
  }
};

#define ALL_STORES                                                             \
  symmem::HashStores, symmem::TcpStores, symmem::Prefixed<symmem::HashStores>, \
      symmem::Prefixed<symmem::TcpStores>

/// Runs `call` and returns the Error that it throws; fails the test if there is none.
inline Error error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  FAIL_CHECK("no error was thrown");
  return Error(Errc::internal, "no error was thrown");
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Runs `body(rank)` on a thread for each rank and returns each rank's error.
inline std::vector<std::optional<Error>> on_ranks(int count, const std::function<void(int)>& body) {
  std::vector<std::optional<Error>> errors(static_cast<std::size_t>(count));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < count; ++rank)
    threads.emplace_back([&, rank] {
      try {
        body(rank);
      } catch (const Error& error) {
        errors[static_cast<std::size_t>(rank)] = error;
      }
    });
  for (std::thread& thread : threads) thread.join();
  return errors;
}

/// Each rank's error must be there, and the same.
inline void check_alike(const std::vector<std::optional<Error>>& errors, Errc code,
                        const std::vector<std::string>& parts) {
  for (const auto& error : errors) {
    REQUIRE(error.has_value());
    CHECK(error->code() == code);
    CHECK(std::string(error->what()) == errors[0]->what());
    for (const std::string& part : parts)
      CHECK_MESSAGE(contains(error->what(), part), std::string(error->what()), " lacks ", part);
  }
}

inline void check_none(const std::vector<std::optional<Error>>& errors) {
  for (const auto& error : errors)
    if (error) FAIL_CHECK(error->what());
}

/// Keeps what it hears: "1 left reason", "store reason".
class Recorder : public GroupListener {
 public:
  void member_gone(int rank, Departure how, const std::string& reason) override {
    note(std::to_string(rank) + (how == Departure::left ? " left " : " lost ") + reason);
  }
  void store_lost(const std::string& reason) override { note("store " + reason); }

  /// Waits for a line that begins with `start`.
  bool hears(const std::string& start) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kAmple, [&] {
      return std::any_of(heard_.begin(), heard_.end(),
                         [&](const std::string& line) { return line.starts_with(start); });
    });
  }
  std::vector<std::string> heard() {
    const std::lock_guard lock(mutex_);
    return heard_;
  }

 private:
  void note(std::string line) {
    const std::lock_guard lock(mutex_);
    heard_.push_back(std::move(line));
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> heard_;
};

inline Process process_of(int rank) {
  return {"host" + std::to_string(rank), 1000 + rank, 77u + static_cast<unsigned>(rank)};
}

inline JoinRequest join_of(int rank, int size, const std::string& group = "world") {
  return {group, rank, size, process_of(rank)};
}

}  // namespace symmem

TYPE_TO_STRING(symmem::HashStores);
TYPE_TO_STRING(symmem::TcpStores);
TYPE_TO_STRING(symmem::Prefixed<symmem::HashStores>);
TYPE_TO_STRING(symmem::Prefixed<symmem::TcpStores>);
