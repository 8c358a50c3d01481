// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "rendezvous/group_record.hpp"
#include "rendezvous/pad_lender.hpp"
#include "rendezvous/transport_registry.hpp"

namespace symmem {

/// The collective that makes one allocation of every rank reachable for all: each rank contributes
/// a description, all validate them, connect every pair, and build their SymmetricMemory. Calls may
/// come from any thread.
class Rendezvous {
 public:
  /// All references must outlive this object.
  Rendezvous(const Options& options, std::string host_id, const PadLender& pads,
             TransportRegistry& transports, const Log& log)
      : options_(options),
        host_id_(std::move(host_id)),
        pads_(pads),
        transports_(transports),
        log_(log) {}

  /// What a rank brings to the collective.
  struct Request {
    std::string operation;  ///< For errors; equal on all ranks.
    BlockMaker& maker;      ///< Makes the blocks of the memory's device type.
    /// Finds this rank's allocation. Its Error becomes every rank's.
    std::function<AllocationUse()> find;
  };
  std::shared_ptr<SymmetricMemory> run(const std::shared_ptr<GroupRecord>& record,
                                       const Request& request, const Deadline& deadline) const;

 private:
  struct LocalContribution;

  Description contribute(GroupRecord& record, BlockMaker& maker,
                         const std::vector<Transport*>& transports, LocalContribution& local) const;

  const Options& options_;
  const std::string host_id_;
  const PadLender& pads_;
  TransportRegistry& transports_;
  const Log& log_;
};

}  // namespace symmem
