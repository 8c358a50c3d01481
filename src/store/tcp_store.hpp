// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/event_loop.hpp"
#include "store/poller.hpp"
#include "symmem/key_value_store.hpp"

namespace symmem::store {

/// Connects like make_tcp_store, as `process` and with the client on a shared loop.
std::shared_ptr<KeyValueStore> connect_tcp_store(const TcpStoreOptions& options,
                                                 const Process& process,
                                                 std::shared_ptr<EventLoop> loop);
/// Connects like make_tcp_store on a shared Poller, so that each store needs only one descriptor.
std::shared_ptr<KeyValueStore> connect_tcp_store(const TcpStoreOptions& options,
                                                 const Process& process,
                                                 std::shared_ptr<Poller> poller);

}  // namespace symmem::store
