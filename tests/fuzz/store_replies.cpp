// SPDX-License-Identifier: Apache-2.0
// Passes the input as frames from a server to the decoders of a client. A decoder must return a
// value or throw an Error.
#include "store/limits.hpp"
#include "store/message.hpp"

using namespace symmem;
using namespace symmem::store;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FrameReader frames(kMaxFrameBytes);
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  for (std::size_t at = 0; at < input.size();) {
    const auto space = frames.space();
    const std::size_t count = input.copy(space.data(), space.size(), at);
    frames.filled(count);
    at += count;
    try {
      while (const auto frame = frames.next()) {
        try {
          if (frame->kind == Kind::members_gone)
            decode_members_gone(frame->body);
          else
            decode_reply(frame->body);
        } catch (const Error&) {  // The next body may be valid.
        }
      }
    } catch (const Error&) {
      return 0;
    }
  }
  return 0;
}
