// SPDX-License-Identifier: Apache-2.0
#include "ucx/ucp_context.hpp"

#include <sys/resource.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <system_error>

#include "base/refusal.hpp"
#include "ucx/worker.hpp"

namespace symmem::ucx {
namespace {

/// Sets a UCX option unless the user has set it in the environment.
void modify(const Library& ucp, ucp_config_t* config, const char* name, const char* value) {
  if (std::getenv((std::string("UCX_") + name).c_str()) == nullptr)
    refuse_unless_ok(ucp, ucp.config_modify(config, name, value), name);
}

/// Throws Refusal if few descriptors are free: UCX up to 1.22 aborts the process if it cannot open
/// a descriptor for its thread.
void check_descriptors() {
  constexpr std::size_t kNeeded = 32;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  std::error_code error;
  std::size_t open = 0;
  for (std::filesystem::directory_iterator at("/proc/self/fd", error), end; at != end;
       at.increment(error))
    ++open;
  refuse_unless(open + kNeeded <= limit.rlim_cur,
                "UCX needs some {} descriptors; {} of {} are open (raise RLIMIT_NOFILE, "
                "`ulimit -n`)",
                kNeeded, open, limit.rlim_cur);
}

}  // namespace

UcpContext::UcpContext(const Library& library, const Options& options) : ucp_(library) {
  check_descriptors();
  ucp_config_t* config = nullptr;
  refuse_unless_ok(ucp_, ucp_.config_read(nullptr, nullptr, &config), "ucp_config_read");
  const std::unique_ptr<ucp_config_t, decltype(ucp_.config_release)> owned(config,
                                                                           ucp_.config_release);
  // Peers use network addresses only, but UCX would also open its shared-memory transports. These
  // create files in /dev/shm that outlive a killed process, and fail if /dev/shm is small or
  // read-only.
  modify(ucp_, config, "TLS", "^sm,self");
  // With a finite threshold, newer UCX versions do not use zero-copy lanes in peer-failure mode.
  modify(ucp_, config, "RNDV_THRESH", "inf");
  if (!options.interface.empty())
    refuse_unless_ok(ucp_, ucp_.config_modify(config, "NET_DEVICES", options.interface.c_str()),
                     "SYMMEM_INTERFACE");
  ucp_params_t params{};
  params.field_mask = UCP_PARAM_FIELD_FEATURES | UCP_PARAM_FIELD_MT_WORKERS_SHARED;
  params.features = UCP_FEATURE_RMA | UCP_FEATURE_AM | UCP_FEATURE_WAKEUP;
  params.mt_workers_shared = 1;  // Other threads call mem_map() concurrently.
  refuse_unless_ok(ucp_,
                   ucp_.init_version(UCP_API_MAJOR, UCP_API_MINOR, &params, config, &context_),
                   "ucp_init");
}

}  // namespace symmem::ucx
