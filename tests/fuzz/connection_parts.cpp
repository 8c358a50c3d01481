// SPDX-License-Identifier: Apache-2.0
// Decodes the input as another rank's exported handles and as the outcome of its attachments. Each
// decoder must refuse the input or return a value that is equal after encoding and decoding.
#include "rendezvous/connection_parts.hpp"

#include <cstdint>
#include <cstdlib>

#include "symmem/error.hpp"

using namespace symmem;

namespace {

template <typename Check>
void refused_or(Check check) {
  try {
    check();
  } catch (const Error& error) {
    if (error.code() != Errc::invalid_argument) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  refused_or([&] {
    if (ExportedHandles::decode(bytes).encode() != bytes) std::abort();
  });
  for (const std::size_t ranks : {1u, 2u, 5u})
    refused_or([&] {
      const auto outcome = decode_outcome(bytes, ranks);
      if (decode_outcome(encode_outcome(outcome), ranks) != outcome) std::abort();
    });
  return 0;
}
