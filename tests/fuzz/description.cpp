// SPDX-License-Identifier: Apache-2.0
// Decodes the input as a rank's description. It must be refused, or encode to the same bytes and
// validate against another description without a crash.
#include <cstdlib>

#include "rendezvous/description.hpp"

using namespace symmem;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Group group("g", {0, 2, make_hash_store()}, Process{}, std::chrono::seconds(1));
  try {
    const Description read =
        Description::decode(std::string(reinterpret_cast<const char*>(data), size));
    const std::string written = read.encode();
    if (Description::decode(written).encode() != written || written.size() != size) std::abort();
    validate(group, {Description{}, read});
  } catch (const Error& error) {
    if (error.code() == Errc::internal) std::abort();
  }
  return 0;
}
