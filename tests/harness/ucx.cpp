// SPDX-License-Identifier: Apache-2.0
#include "harness/ucx.hpp"

#include "harness/errors.hpp"
#include "harness/progress.hpp"
#include "ucx/library.hpp"

namespace symmem::harness {

bool can_use_ucx() {
  const auto error = error_of([] { ucx::Library::open(Options::from_env().ucx_library); });
  if (error) skip(std::string("no UCX: ") + error->what());
  return !error;
}

}  // namespace symmem::harness
