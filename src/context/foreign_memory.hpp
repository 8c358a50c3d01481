// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "allocation/allocation_table.hpp"
#include "rendezvous/rendezvous.hpp"

namespace symmem {

/// Performs the rendezvous of memory that symmem did not allocate. Represents the memory as a block
/// without a file descriptor, which some transports refuse. Owns the Allocation objects for the
/// memory.
class ForeignMemory {
 public:
  /// `makers` allocate the signal pads; `gpus` is null in a build without CUDA. All referenced
  /// objects must outlive this object.
  ForeignMemory(const Rendezvous& rendezvous, BlockIds& ids,
                const std::vector<std::unique_ptr<BlockMaker>>& makers, Gpus* gpus)
      : rendezvous_(rendezvous), ids_(ids), makers_(makers), gpus_(gpus) {}

  /// Implements Context::rendezvous of a span. Collective.
  std::shared_ptr<SymmetricMemory> rendezvous(const std::shared_ptr<GroupRecord>& record,
                                              std::span<std::byte> memory, Device device,
                                              const Deadline& deadline);

 private:
  void check(std::span<std::byte> memory, Device device, DeviceType supported) const;

  const Rendezvous& rendezvous_;
  BlockIds& ids_;
  const std::vector<std::unique_ptr<BlockMaker>>& makers_;
  Gpus* const gpus_;
  AllocationTable table_;
};

}  // namespace symmem
