// SPDX-License-Identifier: Apache-2.0
// Bytes as a handle of the ucx transport, as they are and with the checksum that makes them pass:
// refused, or read and written alike.
#include <cstdlib>

#include "base/wire.hpp"
#include "symmem/error.hpp"
#include "ucx/handle.hpp"

using namespace symmem;

namespace {

void decode(const std::string& bytes) {
  try {
    if (ucx::UcxHandle::decode(bytes).encode() != bytes) std::abort();
  } catch (const Error& error) {
    if (error.code() != Errc::invalid_argument) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  decode(input);
  decode(Writer().raw(input).put(crc32(input)).bytes());
  return 0;
}
