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
  bool kept = false;  ///< Equal to Range::kept.
  std::uint64_t offset = 0;
};

/// A rank's first contribution to a rendezvous. Format: docs/wire.md, "Description".
struct Description {
  std::uint64_t bytes = 0;
  DeviceType device = DeviceType::host;
  std::optional<std::uint64_t> alloc_id;
  std::uint32_t channels = 0;
  std::vector<std::string> transports;  ///< Names in order of preference.
  std::vector<std::string> require;
  std::string host_id;
  BlockRange buffer;
  BlockRange pad;          ///< For peers that map the pad.
  BlockRange network_pad;  ///< For peers that use a key; equal to `pad` for host memory.
  /// The handles for the first transport, which save a gather. Present only if the buffer has its
  /// own block, because no peer has attached that block yet.
  std::optional<ExportedHandles> handles;

  std::string encode() const;
  static Description decode(const std::string& bytes);
};

/// Checks the fields that must be equal on all ranks. Throws on every rank the same
/// Error(invalid_argument) with a list of ranks and values. `described` is indexed by rank.
void validate(const Group& group, const std::vector<Description>& described);

}  // namespace symmem
