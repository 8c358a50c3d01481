// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "harness/errors.hpp"

namespace symmem::harness {

/// Returns true if decoding throws Error(invalid_argument).
template <typename Handle>
bool refuses(const std::string& bytes) {
  const auto error = error_of([&] { Handle::decode(bytes); });
  return error && error->code() == Errc::invalid_argument;
}

/// Checks that decoding detects each single flipped bit.
template <typename Handle>
void check_every_bit_counts(const Handle& handle) {
  const std::string good = handle.encode();
  int accepted = 0;
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    accepted += !refuses<Handle>(bad);
  }
  CHECK(accepted == 0);
}

/// Checks that decoding refuses every shorter handle and trailing bytes.
template <typename Handle>
void check_length_counts(const Handle& handle) {
  const std::string good = handle.encode();
  for (std::size_t length = 0; length < good.size(); ++length)
    CHECK(refuses<Handle>(good.substr(0, length)));
  CHECK(refuses<Handle>(good + "x"));
  CHECK(refuses<Handle>(good + good));
}

}  // namespace symmem::harness
