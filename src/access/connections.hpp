// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "symmem/extend/transport.hpp"
#include "symmem/symmetric_memory.hpp"

namespace symmem {

/// The route to one rank and the attachments of its buffer block and its pad block. The attachments
/// are null for this rank.
struct Connection {
  Route route;
  std::shared_ptr<Attachment> buffer;
  std::shared_ptr<Attachment> pad;
};

/// The connections to one buffer block and one pad block of every rank, and this rank's exports.
/// All SymmetricMemory objects on the same blocks share one Connections object.
struct Connections {
  std::vector<Connection> peers;  ///< Indexed by rank.
  std::vector<std::shared_ptr<Export>> exports;
  /// The transport of each pair of ranks, at index from * world_size + to. Empty in large groups.
  std::vector<std::string> matrix;
};

}  // namespace symmem
