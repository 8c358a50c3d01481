// SPDX-License-Identifier: Apache-2.0
#include "base/random.hpp"

#include <fmt/format.h>
#include <sys/random.h>

#include <cerrno>

#include "base/check.hpp"
#include "base/wire.hpp"

namespace symmem {

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  for (std::size_t got = 0; got < count;) {
    const ssize_t n = ::getrandom(bytes.data() + got, count - got, 0);
    if (n < 0 && errno != EINTR) fail_errno(errno, "getrandom");
    if (n > 0) got += static_cast<std::size_t>(n);
  }
  return bytes;
}

std::uint64_t random_u64() {
  const std::string bytes = random_bytes(8);
  return Reader(bytes, "random bytes").get<std::uint64_t>();
}

std::string to_hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

}  // namespace symmem
