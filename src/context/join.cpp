// SPDX-License-Identifier: Apache-2.0
#include "context/join.hpp"

#include "base/check.hpp"
#include "context/builtin.hpp"

namespace symmem {
namespace {

/// Rank 0's way: listen at the first port that is free, or join the standalone store that is there.
JobStore serve(const Runtime& runtime, TcpStoreOptions options) {
  JobStore job;
  std::string taken;
  try {
    job.server.emplace(options, StoreServer::Serves::one_job);
    options.port = job.server->port();
  } catch (const Error& e) {
    if (e.code() != Errc::invalid_argument) throw;
    taken = e.what();
    options.standalone_only = true;
  }
  options.port_count = 1;
  try {
    job.store = connect_store(options, runtime.process, runtime.loop);
  } catch (Error& e) {
    if (!taken.empty())
      e.add_context(taken + (e.code() == Errc::timeout
                         ? ", and who listens there did not answer as a store within SYMMEM_TIMEOUT"
                         : ", and no standalone store is to be had there"));
    throw;
  }
  return job;
}

}  // namespace

JobStore open_store(const Runtime& runtime, const Launch& launch) {
  if (launch.world_size == 1 && !launch.store)
    return {{}, make_hash_store(runtime.options.timeout)};
  const StoreAddress& place = store_address(launch);
  const TcpStoreOptions options{.host = place.host,
                                .port = place.first_port,
                                .port_count = place.port_count,
                                .job = place.job,
                                .secret = store_secret(runtime.options),
                                .insecure = runtime.options.insecure,
                                .timeout = runtime.options.timeout,
                                .liveness = runtime.options.liveness};
  if (launch.rank == 0) return serve(runtime, options);
  return {{}, connect_store(options, runtime.process, runtime.loop)};
}

}  // namespace symmem
