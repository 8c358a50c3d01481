// SPDX-License-Identifier: Apache-2.0
// Decodes the input as a rank's description. The decoder must refuse the input or return a
// description that encodes to the same bytes. validate() must not crash on the description.
#include <cstdlib>

#include "rendezvous/description.hpp"
#include "symmem/key_value_store.hpp"

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
