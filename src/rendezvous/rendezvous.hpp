// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "rendezvous/group_record.hpp"
#include "rendezvous/pad_lender.hpp"
#include "rendezvous/transport_registry.hpp"

namespace symmem {

/// The collective call that gives all ranks access to one allocation of every rank. Each rank
/// contributes a description. All ranks then validate the descriptions, connect every pair of ranks
/// and construct their SymmetricMemory. Thread-safe.
class Rendezvous {
 public:
  /// All referenced objects must outlive this object.
  Rendezvous(const Options& options, std::string host_id, const PadLender& pads,
             TransportRegistry& transports, const Log& log)
      : options_(options),
        host_id_(std::move(host_id)),
        pads_(pads),
        transports_(transports),
        log_(log) {}

  /// The input of this rank.
  struct Request {
    std::string operation;  ///< Name for errors; equal on all ranks.
    BlockMaker& maker;      ///< Allocates blocks of the memory's device type.
    /// Finds this rank's allocation. If it throws an Error, every rank throws that error.
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
