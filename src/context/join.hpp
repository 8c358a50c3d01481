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

/// The client of the job's store, and the server if this rank hosts it.
struct JobStore {
  std::optional<StoreServer> server;
  std::shared_ptr<KeyValueStore> store;
};

/// Returns the job's shared secret from the options or from the file that the options name. Returns
/// an empty string if there is no secret.
std::string store_secret(const Options& options);

/// Connects to the store that `launch` names. Rank 0 hosts the server unless a standalone store
/// already listens at the address. A job of one rank without a store address uses a store in this
/// process. The client runs on `loop`.
JobStore open_store(const Options& options, const Process& process,
                    const std::shared_ptr<EventLoop>& loop, const Launch& launch);

}  // namespace symmem
