// SPDX-License-Identifier: Apache-2.0
// Decodes the input as an active message and as a reply. Each decoder must return nullopt or a
// value that consists of exactly the input bytes.
#include "ucx/message.hpp"

#include <cstdlib>
#include <cstring>

using namespace symmem::ucx;

namespace {

template <typename T>
void decode(std::string_view bytes) {
  const auto decoded = T::decode(bytes);
  if (!decoded) return;
  const std::string_view copy(reinterpret_cast<const char*>(&*decoded), sizeof *decoded);
  if (copy != bytes) std::abort();
}

/// Checks that the fields that select a branch in the receiver are in range.
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
