// SPDX-License-Identifier: Apache-2.0
#include "base/check.hpp"

#include <cerrno>
#include <system_error>

namespace symmem {

void fail_errno(int error, std::string what) {
  const bool exhausted =
      error == ENOMEM || error == EMFILE || error == ENFILE || error == ENOSPC || error == EAGAIN;
  what += ": " + std::generic_category().message(error);
  if (error == EMFILE) what += " (the limit of this process: RLIMIT_NOFILE, `ulimit -n`)";
  throw Error(exhausted ? Errc::exhausted : Errc::internal, what);
}

}  // namespace symmem
