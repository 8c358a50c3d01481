// SPDX-License-Identifier: Apache-2.0
#include "base/mappings.hpp"

#include <cstdint>
#include <fstream>
#include <string>

namespace symmem {

bool is_mapped(const void* at, std::size_t bytes) {
  std::ifstream maps("/proc/self/maps");
  if (!maps) return true;
  auto next = reinterpret_cast<std::uintptr_t>(at);
  const std::uintptr_t end = next + bytes;
  std::string rest;
  std::uintptr_t begin = 0, limit = 0;
  char dash = 0;
  // The lines have the form "7f0c1000-7f0c3000 rw-p ..." and are sorted by address.
  while (next < end && maps >> std::hex >> begin >> dash >> limit && std::getline(maps, rest)) {
    if (limit <= next) continue;
    if (begin > next || !rest.starts_with(" rw")) return false;
    next = limit;
  }
  return next >= end;
}

}  // namespace symmem
