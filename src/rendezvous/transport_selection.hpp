// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "group/collective.hpp"
#include "rendezvous/attachment_cache.hpp"

namespace symmem {

/// Selects the transport of every pair of ranks for one rendezvous. Tries one transport per round,
/// in order of preference: all ranks export their blocks, attach the peers that are not connected
/// yet, and exchange the outcomes. Every rank computes the same selection.
class TransportSelection {
 public:
  TransportSelection(AttachmentCache& cache, Collective& collective, const RendezvousInput& input);
  /// Connects all pairs. Throws the same Error on every rank if no transport, or no transport in
  /// SYMMEM_REQUIRE, connects a pair. May be called only once.
  std::shared_ptr<Connections> run();

 private:
  static constexpr std::size_t kNone = SIZE_MAX, kSelf = SIZE_MAX - 1;

  std::size_t self() const { return static_cast<std::size_t>(input_.group.rank()); }
  Transport& transport(std::size_t t) const { return *input_.transports[t]; }
  std::string name(std::size_t t) const;
  bool complete() const;

  void round(std::size_t t);
  bool all_described_handles() const;
  ExportedHandles export_blocks(std::size_t t);
  /// Attaches every peer that is not connected. Returns the encoded outcome.
  std::string attach_peers(std::size_t t, const std::vector<ExportedHandles>& handles);
  /// Connects the pairs that transport `t` attached in both directions; drops one-sided
  /// attachments.
  void agree(std::size_t t, const std::vector<std::string>& table);
  void settle(std::size_t t, std::size_t a, std::size_t b, const std::string& from_a,
              const std::string& from_b);

  Route route(std::size_t from, std::size_t to) const;
  bool acceptable(std::size_t a, std::size_t b) const;
  void require_complete();
  std::string reasons(std::size_t a, std::size_t b) const;

  AttachmentCache& cache_;
  Collective& collective_;
  const RendezvousInput& input_;
  const std::size_t size_;
  std::shared_ptr<Connections> connections_;
  std::vector<std::vector<RefusedTransport>> refused_;  ///< Indexed by from * size + to.
  std::vector<std::size_t> transport_;                  ///< Indexed by from * size + to; symmetric.
};

}  // namespace symmem
