// SPDX-License-Identifier: Apache-2.0
#include "harness/network.hpp"

#include "base/refusal.hpp"
#include "harness/device.hpp"
#include "harness/progress.hpp"
#include "harness/rank_threads.hpp"
#include "ucx/library.hpp"

namespace symmem::harness {
namespace {

/// Returns the memory types that a context of this UCX supports.
std::uint64_t memory_types(const ucx::Library& ucp) {
  ucp_config_t* config = nullptr;
  if (ucp.config_read(nullptr, nullptr, &config) != UCS_OK) return 0;
  ucp_params_t params{};
  params.field_mask = UCP_PARAM_FIELD_FEATURES;
  params.features = UCP_FEATURE_RMA | UCP_FEATURE_AM;
  ucp_context_h context = nullptr;
  const auto made = ucp.init_version(UCP_API_MAJOR, UCP_API_MINOR, &params, config, &context);
  ucp.config_release(config);
  if (made != UCS_OK) return 0;
  ucp_context_attr_t attributes{};
  attributes.field_mask = UCP_ATTR_FIELD_MEMORY_TYPES;
  const auto queried = ucp.context_query(context, &attributes);
  ucp.cleanup(context);
  return queried == UCS_OK ? attributes.memory_types : 0;
}

}  // namespace

bool can_use_ucx() {
  try {
    ucx::Library::open(Options::from_env().ucx_library);
    return true;
  } catch (const Refusal& refusal) {
    skip("no UCX: " + refusal.reason);
    return false;
  }
}

bool can_use_ucx_with_cuda() {
  if (!can_use_gpu() || !can_use_ucx()) return false;
  if (in_rank_process()) return true;
  const Options options = Options::from_env();
  const auto& ucp = ucx::Library::open(options.ucx_library);
  const bool supported = (memory_types(ucp) & UCS_BIT(UCS_MEMORY_TYPE_CUDA)) != 0;
  if (!supported) skip("UCX " + ucp.version() + " has no CUDA support");
  return supported;
}

void use_ucx_once() {
  const auto use_once = [](Context& context) {
    const auto buffer = context.allocate(64);
    const auto memory = context.rendezvous(buffer);
    const int other = 1 - memory->rank();
    const std::int64_t word = 1;
    memory->put(other, 0, std::span(&word, 1));
    memory->fetch_add<std::int64_t>(other, 8, 1);
    memory->barrier();
    memory->close();
  };
  run_threads(2, use_once, [](Options& options) { options.host_id = host_of(*options.rank); });
}

}  // namespace symmem::harness
