// SPDX-License-Identifier: Apache-2.0
#include "context/join.hpp"

#include "base/check.hpp"
#include "store/secret.hpp"
#include "store/tcp_store.hpp"

namespace symmem {
namespace {

/// Starts a store server on the first free port and connects to it. If no port is free, connects to
/// the standalone store that listens at the address.
JobStore host_store(TcpStoreOptions options, const Process& process,
                    const std::shared_ptr<EventLoop>& loop) {
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
    job.store = store::connect_tcp_store(options, process, loop);
  } catch (Error& e) {
    if (!taken.empty())
      e.add_context(taken +
                    (e.code() == Errc::timeout
                         ? ", and the program at this address did not answer as a store within "
                           "SYMMEM_TIMEOUT"
                         : ", and no standalone store listens at this address"));
    throw;
  }
  return job;
}

}  // namespace

std::string store_secret(const Options& options) {
  return options.secret_file.empty() ? options.secret
                                     : store::read_secret_file(options.secret_file);
}

JobStore open_store(const Options& options, const Process& process,
                    const std::shared_ptr<EventLoop>& loop, const Launch& launch) {
  if (launch.world_size == 1 && !launch.store) return {{}, make_hash_store(options.timeout)};
  const StoreAddress& address = store_address(launch);
  const TcpStoreOptions tcp{.host = address.host,
                            .port = address.first_port,
                            .port_count = address.port_count,
                            .job = address.job,
                            .secret = store_secret(options),
                            .insecure = options.insecure,
                            .timeout = options.timeout,
                            .liveness = options.liveness};
  if (launch.rank == 0) return host_store(tcp, process, loop);
  return {{}, store::connect_tcp_store(tcp, process, loop)};
}

}  // namespace symmem
