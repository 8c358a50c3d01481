// SPDX-License-Identifier: Apache-2.0
#include "symmem/error.hpp"

namespace symmem {

std::string_view to_string(Errc code) {
  switch (code) {
    case Errc::invalid_argument: return "invalid_argument";
    case Errc::unsupported: return "unsupported";
    case Errc::exhausted: return "exhausted";
    case Errc::timeout: return "timeout";
    case Errc::peer_lost: return "peer_lost";
    case Errc::store_lost: return "store_lost";
    case Errc::refused: return "refused";
    case Errc::finished: return "finished";
    case Errc::internal: return "internal";
  }
  return "unknown";
}

void Error::add(std::string_view doing) {
  message_.insert(0, ": ");
  message_.insert(0, doing);
}

}  // namespace symmem
