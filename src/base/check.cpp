// SPDX-License-Identifier: Apache-2.0
#include "base/check.hpp"

#include <cerrno>
#include <system_error>

namespace symmem {

void fail_errno(int error, std::string operation, std::source_location where) {
  const bool exhausted =
      error == ENOMEM || error == EMFILE || error == ENFILE || error == ENOSPC || error == EAGAIN;
  operation += ": " + std::generic_category().message(error);
  if (error == EMFILE)
    operation += " (this process has reached its limit: RLIMIT_NOFILE, `ulimit -n`)";
  throw Error(exhausted ? Errc::exhausted : Errc::internal, operation, where);
}

}  // namespace symmem
