// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "harness/errors.hpp"
#include "harness/rank_threads.hpp"
#include "symmem/error.hpp"
#include "symmem/key_value_store.hpp"

namespace symmem {

using harness::check_alike;
using harness::check_error;
using harness::check_none;
using harness::contains;
using harness::error_of;
using harness::errors_of_threads;

/// Longer than any step takes on a loaded machine under a sanitizer; no passing test waits this
/// long.
inline constexpr std::chrono::seconds kAmple{60};
/// Timeout for calls that are expected to time out.
inline constexpr std::chrono::milliseconds kBrief{30};

inline TcpStoreOptions options_for(const StoreServer& server) {
  TcpStoreOptions options;
  options.port = server.port();
  options.timeout = kAmple;
  options.liveness = kAmple;
  return options;
}

// The kinds of store under test. client() returns the store for another rank.

struct HashStores {
  std::shared_ptr<KeyValueStore> store = make_hash_store(kAmple);
  std::shared_ptr<KeyValueStore> client() { return store; }
};

struct TcpStores {
  StoreServer server{{}, StoreServer::Serves::one_job};
  std::shared_ptr<KeyValueStore> client() { return make_tcp_store(options_for(server)); }
};

template <typename Base>
struct Prefixed : Base {
  std::shared_ptr<KeyValueStore> client() {
    return make_prefix_store("inner", make_prefix_store("outer", Base::client()));
  }
};

#define ALL_STORES                                                             \
  symmem::HashStores, symmem::TcpStores, symmem::Prefixed<symmem::HashStores>, \
      symmem::Prefixed<symmem::TcpStores>

/// Records calls as lines, such as "1 left reason" and "store reason".
class Recorder : public GroupListener {
 public:
  void member_gone(int rank, Departure how, const std::string& reason) override {
    note(std::to_string(rank) + (how == Departure::left ? " left " : " lost ") + reason);
  }
  void store_lost(const std::string& reason) override { note("store " + reason); }

  /// Waits for a line that begins with `start`.
  bool received(const std::string& start) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kAmple, [&] {
      return std::any_of(lines_.begin(), lines_.end(),
                         [&](const std::string& line) { return line.starts_with(start); });
    });
  }
  std::vector<std::string> lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  void note(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
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
