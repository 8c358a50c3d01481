// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <thread>
#include <vector>

#include "harness/errors.hpp"
#include "harness/progress.hpp"
#include "harness/ranks.hpp"
#include "symmem/context.hpp"
#include "symmem/key_value_store.hpp"

namespace symmem::harness {

/// Returns options with timeouts that are long enough on a machine loaded by other tests.
inline Options options_of(int rank, int count) {
  Options options = Options::from_env();
  options.rank = rank;
  options.world_size = count;
  options.timeout = std::chrono::seconds(60) * kSlow;
  options.liveness = std::chrono::seconds(30) * kSlow;
  return options;
}

/// Runs `body(rank)` on one thread per rank and returns the Error of each rank, if any.
inline std::vector<std::optional<Error>> errors_of_threads(int count,
                                                           const std::function<void(int)>& body) {
  std::vector<std::optional<Error>> errors(static_cast<std::size_t>(count));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < count; ++rank)
    threads.emplace_back([&, rank] {
      try {
        body(rank);
      } catch (const Error& error) {
        errors[static_cast<std::size_t>(rank)] = error;
      } catch (const std::exception& error) {
        FAIL_CHECK("exception on rank " << rank << ": " << std::string(error.what()));
      } catch (...) {
        // A failed REQUIRE also throws, but doctest has already reported the failure.
        if (!anything_failed()) FAIL_CHECK("exception of an unknown kind");
      }
    });
  for (std::thread& thread : threads) thread.join();
  return errors;
}

/// Returns the store through which the ranks of `context` joined. The store must be a
/// KeyValueStore, for example from make_hash_store().
inline std::shared_ptr<KeyValueStore> store_of(const Context& context) {
  return std::static_pointer_cast<KeyValueStore>(context.get_group_info(kWorld).store);
}

/// Runs `body` on one thread per rank. Each rank has its own Context; the ranks join through an
/// in-process store. `adjust` changes the options of a rank. Returns the Error of each rank, if
/// any. A rank leaves when its body returns or throws, so end the body with a collective call if
/// peers may still access the rank's memory.
inline std::vector<std::optional<Error>> errors_of_ranks(
    int count, const std::function<void(Context&)>& body,
    const std::function<void(Options&)>& adjust = [](Options&) {}) {
  const auto store = make_hash_store(std::chrono::seconds(60) * kSlow);
  return errors_of_threads(count, [&](int rank) {
    Options options = options_of(rank, count);
    adjust(options);
    Context context(options, store);
    body(context);
  });
}

/// Calls errors_of_ranks() and checks that no rank failed.
inline void run_threads(
    int count, const std::function<void(Context&)>& body,
    const std::function<void(Options&)>& adjust = [](Options&) {},
    std::source_location site = std::source_location::current()) {
  check_none(errors_of_ranks(count, body, adjust), site);
}

}  // namespace symmem::harness
