// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "symmem/block.hpp"
#include "symmem/store.hpp"

namespace symmem {

/// Either the thing, or why this transport cannot. A refusal is not an error: the next transport is
/// tried, and the route table shows the reason. Exceptions are for what should have worked.
template <typename T>
struct Offer {
  std::shared_ptr<T> value;
  std::string refusal;

  static Offer refuse(std::string why) { return {nullptr, std::move(why)}; }
};

/// A block made reachable by one transport, for as long as this object lives.
class Export {
 public:
  virtual ~Export() = default;
  /// The bytes with which the same transport on another rank attaches. Opaque to all others.
  virtual std::string handle() const = 0;
};

/// A peer's block, reached by one transport for as long as this object lives.
class Attachment {
 public:
  virtual ~Attachment() = default;
  /// The block's first byte in our address space.
  virtual std::byte* pointer() const = 0;
  /// Usable bytes of the block, as the transport found them, not as the peer says.
  virtual std::size_t bytes() const = 0;
};

/// A peer as a transport needs to know it.
struct PeerInfo {
  int rank = 0;
  Process process;
  std::string host_id;  ///< Equal ids are a hint that memory can be shared.
};

/// One way to reach a peer's block. How to add one: docs/transports.md.
///
/// Each block is exported at most once, and attached at most once a peer, by one group at a time.
/// Calls come from any thread, one at a time a group, never while a kernel of ours waits.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual std::string_view name() const = 0;
  virtual Offer<Export> export_block(const std::shared_ptr<Block>& block) = 0;
  /// `handle` came from outside: decode it with care. Ends within `timeout`.
  virtual Offer<Attachment> attach(const PeerInfo& peer, const BlockId& block,
                                   std::string_view handle, std::chrono::milliseconds timeout) = 0;
};

}  // namespace symmem
