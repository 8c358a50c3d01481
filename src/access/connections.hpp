// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "symmem/extend/transport.hpp"
#include "symmem/symmetric_memory.hpp"

namespace symmem {

/// How one peer's buffer block and pad block are reached. Empty for the own rank.
struct Connection {
  Route route;
  std::shared_ptr<Attachment> buffer;
  std::shared_ptr<Attachment> pad;
};

/// The connections of one set of blocks, one block pair a rank, and this rank's exports. Shared by
/// the memories on those blocks.
struct Connections {
  std::vector<Connection> peers;  ///< By rank.
  std::vector<std::shared_ptr<Export>> exports;
  /// The transport of each pair, by [from * world_size + to]. Empty in large groups.
  std::vector<std::string> matrix;
};

}  // namespace symmem
