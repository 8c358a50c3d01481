// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "allocation/block_pool.hpp"
#include "rendezvous/connection_parts.hpp"
#include "group/group.hpp"
#include "symmem/device.hpp"

namespace symmem {

/// Where a range lies, as other ranks need to know it.
struct BlockRange {
  BlockId block;
  bool kept = false;
  std::uint64_t offset = 0;
};

/// What a rank says of itself at the beginning of a rendezvous; docs/wire.md, "Description".
struct Description {
  std::uint64_t bytes = 0;
  DeviceType device = DeviceType::host;
  std::optional<std::uint64_t> alloc_id;
  std::uint32_t channels = 0;
  std::vector<std::string> transports;  ///< By name, in order of preference.
  std::vector<std::string> require;
  std::string host_id;
  BlockRange buffer;
  BlockRange pad;          ///< For peers that have a pointer to it.
  BlockRange network_pad;  ///< For those that have a key; of host memory the same.
  /// Of the first transport, where the buffer has a block of its own, which no peer knows yet.
  std::optional<ExportedHandles> handles;

  std::string encode() const;
  static Description decode(const std::string& bytes);
};

/// Throws one Error(invalid_argument), the same on every rank, that lists ranks and values, unless
/// all agree on what must be equal. `Described` is by rank.
void validate(const Group& group, const std::vector<Description>& described);

}  // namespace symmem
