// SPDX-License-Identifier: Apache-2.0
#include "store/secret.hpp"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/check.hpp"
#include "base/unique_handle.hpp"

namespace symmem::store {

std::string read_secret_file(const std::string& path) {
  constexpr std::size_t kLongest = 1024;
  // Non-blocking, because opening a FIFO without a writer would block. A FIFO is refused below.
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  require(file && ::fstat(file.get(), &info) == 0, Errc::invalid_argument, "secret file {}: {}",
          path, std::generic_category().message(errno));
  require(S_ISREG(info.st_mode), Errc::invalid_argument, "secret file {} is not a regular file",
          path);
  require(
      info.st_uid == ::geteuid(), Errc::refused,
      "secret file {} belongs to user {}, who can read it; it must belong to the current user, {}",
      path, info.st_uid, ::geteuid());
  require((info.st_mode & 077) == 0, Errc::refused,
          "secret file {} has mode {:04o}, so other users may access it; chmod 600 it", path,
          info.st_mode & 07777);
  std::string secret(kLongest + 2, '\0');
  const ssize_t count = ::read(file.get(), secret.data(), secret.size());
  require(count >= 0, Errc::invalid_argument, "secret file {}: {}", path,
          std::generic_category().message(errno));
  secret.resize(static_cast<std::size_t>(count));
  if (secret.ends_with('\n')) secret.pop_back();
  require(!secret.empty() && secret.size() <= kLongest, Errc::invalid_argument,
          "secret file {} must have 1 to {} bytes and at most one newline at the end", path,
          kLongest);
  return secret;
}

std::string hmac_sha256(const std::string& secret, std::string_view message) {
  std::string code(32, '\0');
  unsigned int length = 0;
  const auto* made = ::HMAC(::EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
                            reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                            reinterpret_cast<unsigned char*>(code.data()), &length);
  require(made != nullptr && length == code.size(), Errc::internal, "HMAC-SHA256 failed");
  return code;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace symmem::store
