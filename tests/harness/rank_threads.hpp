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

/// Runs `body(rank)` on a thread for each rank and returns each rank's Error.
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
        // A failed REQUIRE throws, too, and doctest has reported it.
        if (!anything_failed()) FAIL_CHECK("exception of an unknown kind");
      }
    });
  for (std::thread& thread : threads) thread.join();
  return errors;
}

/// Runs `body` for each rank on a thread of this process, each with its own Context, joined through
/// an in-process store. `adjust` changes a rank's options. Returns each rank's Error. A rank leaves
/// when its body returns or throws: end the body with a collective call if peers still access the
/// rank.
inline std::vector<std::optional<Error>> errors_of_ranks(
    int count, const std::function<void(Context&)>& body,
    const std::function<void(Options&)>& adjust = [](Options&) {}) {
  const std::shared_ptr<Store> store = make_hash_store(std::chrono::seconds(60) * kSlow);
  return errors_of_threads(count, [&](int rank) {
    Options options = options_of(rank, count);
    adjust(options);
    Context context(options, store);
    body(context);
  });
}

/// Does what errors_of_ranks() does and checks that no rank failed.
inline void run_threads(
    int count, const std::function<void(Context&)>& body,
    const std::function<void(Options&)>& adjust = [](Options&) {},
    std::source_location site = std::source_location::current()) {
  check_none(errors_of_ranks(count, body, adjust), site);
}

}  // namespace symmem::harness
