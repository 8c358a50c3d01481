// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "group/group.hpp"
#include "rendezvous/description.hpp"
#include "symmem/extend/transport.hpp"

namespace symmem {

/// The input for the connections of a rendezvous: the descriptions of all ranks, and this rank's
/// blocks.
struct RendezvousInput {
  const Group& group;
  const std::vector<Description>& described;  ///< Indexed by rank.
  const std::shared_ptr<Block>& buffer;
  const std::shared_ptr<Block>& pad;
  const std::shared_ptr<Block>& network_pad;
  const std::vector<Transport*>& transports;  ///< In order of preference.
};

}  // namespace symmem
