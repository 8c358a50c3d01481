// SPDX-License-Identifier: Apache-2.0
// Passes the input as handshake frames to a server and a client, with and without a secret. With a
// secret, neither may accept the input.
#include <cstdlib>

#include "store/handshake.hpp"
#include "store/limits.hpp"

using namespace symmem;
using namespace symmem::store;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Hello hello{"job", {"host", 1, 1}, std::chrono::seconds(10)};
  for (const char* secret : {"", "secret"}) {
    ServerHandshake server(secret);
    const ClientHandshake client(hello, secret, "server");
    FrameReader frames(kMaxHandshakeBytes);
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    try {
      for (std::size_t at = 0; at < input.size();) {
        const auto space = frames.space();
        const std::size_t count = input.copy(space.data(), space.size(), at);
        frames.filled(count);
        at += count;
        while (const auto frame = frames.next()) {
          try {
            client.answer(*frame);
            if (*secret != '\0') std::abort();
          } catch (const Error&) {
          }
          try {
            client.finish(*frame);
          } catch (const Error&) {
          }
          if (!server.accept(*frame) && *secret != '\0') std::abort();
        }
      }
    } catch (const Error&) {
    }
  }
  return 0;
}
