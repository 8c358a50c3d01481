// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "launch/launch.hpp"
#include "context/runtime.hpp"
#include "symmem/key_value_store.hpp"

namespace symmem {

/// The job's store, and its server if this rank hosts it. Empty if the Context joins through a
/// store of the program's own.
struct JobStore {
  std::optional<StoreServer> server;
  std::shared_ptr<KeyValueStore> store;
};

/// Finds the store that `launch` says: rank 0 serves it unless a standalone one listens there
/// already, the others connect. One rank alone gets a store within the process.
JobStore open_store(const Runtime& runtime, const Launch& launch);

}  // namespace symmem
