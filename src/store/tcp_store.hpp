// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/event_loop.hpp"
#include "store/poller.hpp"
#include "symmem/key_value_store.hpp"

namespace symmem::store {

/// Connects as make_tcp_store does, for a given process and on a shared loop.
std::shared_ptr<KeyValueStore> connect_tcp_store(const TcpStoreOptions& options,
                                                 const Process& process,
                                                 std::shared_ptr<EventLoop> loop);
/// The same on a shared Poller: many stores with one descriptor each.
std::shared_ptr<KeyValueStore> connect_tcp_store(const TcpStoreOptions& options,
                                                 const Process& process,
                                                 std::shared_ptr<Poller> poller);

}  // namespace symmem::store
