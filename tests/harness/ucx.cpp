// SPDX-License-Identifier: Apache-2.0
#include "harness/ucx.hpp"

#include "harness/errors.hpp"
#include "harness/progress.hpp"
#include "harness/rank_threads.hpp"
#include "ucx/library.hpp"

namespace symmem::harness {

bool can_use_ucx() {
  const auto error = error_of([] { ucx::Library::open(Options::from_env().ucx_library); });
  if (error) skip(std::string("no UCX: ") + error->what());
  return !error;
}

void use_ucx_once() {
  const auto meet = [](Context& context) {
    const Tensor tensor = context.empty_strided_p2p({64}, {1}, kUint8);
    const auto memory = context.rendezvous(tensor);
    const int other = 1 - memory->rank();
    const std::int64_t word = 1;
    memory->put(other, 0, &word, sizeof word);
    memory->fetch_add<std::int64_t>(other, 8, 1);
    memory->barrier();
    memory->close();
  };
  run_threads(2, meet, [](Options& options) { options.host_id = host_of(*options.rank); });
}

}  // namespace symmem::harness
