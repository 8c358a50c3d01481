// SPDX-License-Identifier: Apache-2.0
// Decodes bytes as an active message and as a reply: either nothing, or exactly these bytes.
#include "ucx/message.hpp"

#include <cstdlib>
#include <cstring>

using namespace symmem::ucx;

namespace {

template <typename T>
void decode(std::string_view bytes) {
  const auto decoded = T::decode(bytes);
  if (decoded && (bytes.size() != sizeof *decoded ||
                  std::memcmp(&*decoded, bytes.data(), sizeof *decoded) != 0))
    std::abort();
}

/// Checks that the fields on which the code branches are in range.
void check(const Message& message) {
  if (message.kind < Kind::put || message.kind > Kind::get) std::abort();
  if (message.op > symmem::AtomicOp::compare_swap) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  decode<Message>(input);
  decode<Reply>(input);
  if (const auto message = Message::decode(input)) check(*message);
  return 0;
}
