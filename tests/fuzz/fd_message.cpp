// SPDX-License-Identifier: Apache-2.0
// Decodes the input as a request to the descriptor service and as a reply from the service. Each
// decoder must refuse the input or return a value that encodes to the same bytes.
#include "fd_service/fd_message.hpp"

#include <cstdint>
#include <cstdlib>

using namespace symmem::fd_message;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto token = decode_request(bytes))
    if (token->size() != kTokenBytes || encode_request(*token) != bytes) std::abort();
  if (const auto refusal = decode_reply(bytes))
    if (bytes.size() > kReplyRoom || encode_reply(*refusal) != bytes) std::abort();
  return 0;
}
