// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "access/memory_impl.hpp"
#include "rendezvous/description.hpp"

namespace symmem {

/// Computes how this process accesses the buffer and the pad of every rank. `own_buffer` and
/// `own_pad` are the addresses of this rank's buffer and pad.
PeerTables make_peer_tables(const Group& group, const Connections& connections,
                            const std::vector<Description>& described, std::byte* own_buffer,
                            std::byte* own_pad);

}  // namespace symmem
