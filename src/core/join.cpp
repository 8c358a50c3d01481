// SPDX-License-Identifier: Apache-2.0
#include "core/join.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "core/builtin.hpp"

namespace symmem {
namespace {

/// How long a rank tries one of several ports before it tries the next.
constexpr std::chrono::milliseconds kTryPort{500};

TcpStoreOptions at_port(const Runtime& runtime, const StorePlace& place, int index) {
  return {.host = place.host,
          .port = static_cast<std::uint16_t>(place.first_port + index),
          .job = place.job,
          .secret = store_secret(runtime.options),
          .insecure = runtime.options.insecure,
          .timeout = runtime.options.timeout,
          .liveness = runtime.options.liveness};
}

std::shared_ptr<Store> connect(const Runtime& runtime, const TcpStoreOptions& options) {
  return connect_store(options, runtime.process, runtime.loop);
}

/// Rank 0's way: listen at the first port that is free, or join the standalone store that holds it.
JobStore serve(const Runtime& runtime, const StorePlace& place) {
  std::string refusals;
  for (int i = 0; i < place.port_count; ++i) {
    TcpStoreOptions options = at_port(runtime, place, i);
    try {
      JobStore job{StoreServer(options, StoreServer::Serves::one_job), nullptr};
      // A server without a name of its own takes the one it was asked for.
      options.port = job.server->port();
      job.store = connect(runtime, options);
      return job;
    } catch (const Error& e) {
      if (e.code() != Errc::invalid_argument) throw;
      refusals += fmt::format("{}{}", refusals.empty() ? "" : "; ", e.what());
    }
    try {
      return {std::nullopt, connect(runtime, options)};
    } catch (const Error& e) {
      // Somebody else's server: the next port is ours to try.
      refusals += fmt::format("; and the store there: {}", e.what());
    }
  }
  fail(Errc::invalid_argument, "rank 0 can neither serve nor join a store at {} port {}: {}",
       place.host, place.first_port, refusals);
}

/// The other ranks' way: the first port at which this job's store answers.
std::shared_ptr<Store> find(const Runtime& runtime, const StorePlace& place) {
  if (place.port_count == 1) return connect(runtime, at_port(runtime, place, 0));
  const Deadline deadline = Deadline::in({}, runtime.options.timeout);
  std::string refusal;
  for (int i = 0; !deadline.expired(); i = (i + 1) % place.port_count) {
    TcpStoreOptions options = at_port(runtime, place, i);
    options.timeout = std::min(kTryPort, deadline.remaining());
    try {
      return connect(runtime, options);
    } catch (const Error& e) {
      refusal = e.what();
    }
  }
  fail(Errc::timeout, "no store of job \"{}\" answers at {} ports {} to {} within {} ms; last: {}",
       place.job, place.host, place.first_port, place.first_port + place.port_count - 1,
       runtime.options.timeout.count(), refusal);
}

}  // namespace

JobStore open_store(const Runtime& runtime, const Launch& launch) {
  if (launch.world_size == 1 && !launch.store)
    return {{}, make_hash_store(runtime.options.timeout)};
  const StorePlace& place = store_place(launch);
  if (launch.rank == 0) return serve(runtime, place);
  return {{}, find(runtime, place)};
}

}  // namespace symmem
