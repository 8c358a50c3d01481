// SPDX-License-Identifier: Apache-2.0
#include "ucx/ucp_context.hpp"

#include <sys/resource.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <system_error>

#include "base/check.hpp"
#include "ucx/worker.hpp"

namespace symmem::ucx {
namespace {

void modify(const Library& ucp, ucp_config_t* config, const char* name, const char* value) {
  if (std::getenv((std::string("UCX_") + name).c_str()) == nullptr)
    require_ok(ucp, ucp.config_modify(config, name, value), name);
}

/// UCX, up to 1.22, ends the process where it gets no descriptor for its thread.
void require_descriptors() {
  constexpr std::size_t kNeeded = 32;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  std::error_code error;
  std::size_t open = 0;
  for (std::filesystem::directory_iterator at("/proc/self/fd", error), end; at != end;
       at.increment(error))
    ++open;
  require(open + kNeeded <= limit.rlim_cur, Errc::unsupported,
          "UCX needs some {} descriptors; {} of the {} that this process may have are open (raise "
          "RLIMIT_NOFILE, `ulimit -n`)",
          kNeeded, open, limit.rlim_cur);
}

}  // namespace

UcpContext::UcpContext(const Library& library, const Options& options) : ucp_(library) {
  require_descriptors();
  ucp_config_t* config = nullptr;
  require_ok(ucp_, ucp_.config_read(nullptr, nullptr, &config), "ucp_config_read");
  const std::unique_ptr<ucp_config_t, decltype(ucp_.config_release)> owned(config,
                                                                           ucp_.config_release);
  // Peers' addresses are of networks only. What UCX has for one host would still be opened, with
  // files in /dev/shm that stay behind a killed process, and fail where that is small or read-only.
  modify(ucp_, config, "TLS", "^sm,self");
  // With a threshold, newer versions drop the lanes that write directly (in peer-failure mode).
  modify(ucp_, config, "RNDV_THRESH", "inf");
  if (!options.interface.empty())
    require_ok(ucp_, ucp_.config_modify(config, "NET_DEVICES", options.interface.c_str()),
               "SYMMEM_INTERFACE");
  ucp_params_t params{};
  params.field_mask = UCP_PARAM_FIELD_FEATURES | UCP_PARAM_FIELD_MT_WORKERS_SHARED;
  params.features = UCP_FEATURE_RMA | UCP_FEATURE_AM | UCP_FEATURE_WAKEUP;
  params.mt_workers_shared = 1;  // Memory is mapped while the worker works.
  require_ok(ucp_, ucp_.init_version(UCP_API_MAJOR, UCP_API_MINOR, &params, config, &context_),
             "ucp_init");
}

}  // namespace symmem::ucx
