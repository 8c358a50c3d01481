// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "system/system.hpp"

namespace symmem::harness {

/// Checks that every call on an ended SymmetricMemory throws Error(finished) with the text `why`.
inline void check_over(SymmetricMemory& memory, const std::string& why) {
  int word = 0;
  const auto over = [&](const std::function<void()>& call) {
    check_error(error_of(call), Errc::finished, {why});
  };
  over([&] { memory.put(0, 0, std::span(&word, 1)); });
  over([&] { memory.get(0, 0, std::span(&word, 1)); });
  over([&] { memory.fetch_add(0, 0, 1); });
  over([&] { memory.flush(); });
  over([&] { memory.put_signal(0, 0); });
  over([&] { memory.wait_signal(0, 0); });
  over([&] { memory.barrier(); });
  over([&] { get_buffer(memory, 0, {1}, kInt8); });
  over([&] { memory.close(); });
}

inline void check_closed(SymmetricMemory& memory) {
  check_over(memory, "closed");
  check_error([&] { memory.peer(0); }, Errc::finished, {"closed"});
}

}  // namespace symmem::harness
