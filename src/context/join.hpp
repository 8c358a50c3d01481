// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/event_loop.hpp"
#include "launch/launch.hpp"
#include "symmem/key_value_store.hpp"
#include "symmem/options.hpp"

namespace symmem {

/// The job's store, and its server if this rank hosts it.
struct JobStore {
  std::optional<StoreServer> server;
  std::shared_ptr<KeyValueStore> store;
};

/// The shared secret of the job, from the options or the file that they name; empty if none.
std::string store_secret(const Options& options);

/// Connects to the store that `launch` names. Rank 0 hosts it unless a standalone store listens
/// there already. One rank alone gets a store within the process. The client runs on `loop`.
JobStore open_store(const Options& options, const Process& process,
                    const std::shared_ptr<EventLoop>& loop, const Launch& launch);

}  // namespace symmem
