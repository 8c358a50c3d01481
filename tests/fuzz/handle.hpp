// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/wire.hpp"
#include "symmem/error.hpp"

namespace symmem {

template <typename Handle>
void decode_handle(const std::string& bytes) {
  try {
    if (Handle::decode(bytes).encode() != bytes) std::abort();
  } catch (const Error& error) {
    if (error.code() != Errc::invalid_argument) std::abort();
  }
}

/// Decodes the input twice as a transport's handle: unchanged, and with a valid checksum appended.
/// Both times the decoder must refuse the input or return a handle that encodes to the same bytes.
template <typename Handle>
int fuzz_handle(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  decode_handle<Handle>(input);
  decode_handle<Handle>(seal(input));
  return 0;
}

}  // namespace symmem
