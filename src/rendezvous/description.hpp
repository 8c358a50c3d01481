// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "group/group.hpp"
#include "rendezvous/connection_parts.hpp"
#include "symmem/device.hpp"
#include "symmem/extend/block.hpp"

namespace symmem {

/// A range of a block, as sent to other ranks.
struct BlockRange {
  BlockId block;
  bool kept = false;  ///< As Range::kept.
  std::uint64_t offset = 0;
};

/// A rank's first contribution to a rendezvous; docs/wire.md, "Description".
struct Description {
  std::uint64_t bytes = 0;
  DeviceType device = DeviceType::host;
  std::optional<std::uint64_t> alloc_id;
  std::uint32_t channels = 0;
  std::vector<std::string> transports;  ///< By name, in order of preference.
  std::vector<std::string> require;
  std::string host_id;
  BlockRange buffer;
  BlockRange pad;          ///< For peers with a pointer.
  BlockRange network_pad;  ///< For peers with a key; for host memory equal to `pad`.
  /// The first transport's handles, if the buffer has a block of its own, which no peer has
  /// attached yet. Saves a round.
  std::optional<ExportedHandles> handles;

  std::string encode() const;
  static Description decode(const std::string& bytes);
};

/// Checks the fields that must be equal on all ranks. Throws Error(invalid_argument) that lists
/// ranks and values, the same on every rank. `described` is by rank.
void validate(const Group& group, const std::vector<Description>& described);

}  // namespace symmem
