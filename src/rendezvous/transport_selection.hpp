// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "rendezvous/connection_parts.hpp"
#include "rendezvous/connections.hpp"
#include "symmem/extend/transport.hpp"

namespace symmem {

/// Selects the transport of every pair of ranks that meet, and attaches by it. A round a transport,
/// best first: all ranks export, then attach the peers that are left, then agree on the pairs that
/// are connected. All ranks come to the same selection. For one rendezvous.
class TransportSelection {
 public:
  /// `connector` keeps what is exported and attached.
  TransportSelection(Connector& connector, Collective& collective, const Meeting& meeting);
  /// Throws, the same on every rank, for pairs that no transport or not a required one connects.
  /// Once.
  std::shared_ptr<Connections> run();

 private:
  static constexpr std::size_t kNone = SIZE_MAX, kSelf = SIZE_MAX - 1;

  std::size_t self() const { return static_cast<std::size_t>(meeting_.group.rank()); }
  Transport& transport(std::size_t t) const { return *meeting_.transports[t]; }
  std::string name(std::size_t t) const;
  bool complete() const;

  void round(std::size_t t);
  bool all_described_handles() const;
  ExportedHandles export_blocks(std::size_t t);
  /// Attaches every peer that is left; says for each rank "" (attached) or why not.
  std::string attach_peers(std::size_t t, const std::vector<ExportedHandles>& handles);
  /// A pair is connected by the first transport that attached in both directions. What only one end
  /// attached is dropped.
  void agree(std::size_t t, const std::vector<std::string>& table);
  void settle(std::size_t t, std::size_t a, std::size_t b, const std::string& from_a,
              const std::string& from_b);

  Route route(std::size_t from, std::size_t to) const;
  bool acceptable(std::size_t a, std::size_t b) const;
  void require_complete();
  std::string reasons(std::size_t a, std::size_t b) const;

  Connector& connector_;
  Collective& collective_;
  const Meeting& meeting_;
  const std::size_t size_;
  std::shared_ptr<Connections> connections_;
  std::vector<std::vector<RefusedTransport>> refused_;  ///< [from * size + to]
  std::vector<std::size_t> transport_;                  ///< [from * size + to], symmetric.
};

}  // namespace symmem
