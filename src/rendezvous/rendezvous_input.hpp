// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "group/group.hpp"
#include "rendezvous/description.hpp"
#include "symmem/extend/transport.hpp"

namespace symmem {

/// What a rendezvous connects: every rank's description, and this rank's own blocks.
struct RendezvousInput {
  const Group& group;
  const std::vector<Description>& described;  ///< By rank.
  const std::shared_ptr<Block>& buffer;
  const std::shared_ptr<Block>& pad;
  const std::shared_ptr<Block>& network_pad;
  const std::vector<Transport*>& transports;  ///< Best first.
};

}  // namespace symmem
