// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "symmem/extend/transport.hpp"
#include "symmem/symmem.hpp"

namespace symmem::harness {

/// Counts the exports and attachments of a set of LocalTransports: all that were ever made, and all
/// that still exist.
struct Counts {
  std::atomic<int> exports{0}, attaches{0};
  std::atomic<int> living_exports{0}, living_attachments{0};
};

/// A transport that an application may write, for ranks that are threads of one process. Its
/// handle is the block's address. Tests make it fail through the hooks.
class LocalTransport : public Transport {
 public:
  /// Returns the reason for a refusal, or an empty string. May throw.
  using Hook = std::function<std::string()>;
  using PeerHook = std::function<std::string(int peer)>;

  explicit LocalTransport(std::string name) : name_(std::move(name)) {}
  /// The transports of several ranks may share one Counts.
  std::shared_ptr<Counts> counts = std::make_shared<Counts>();
  std::size_t padding = 0;  ///< Bytes appended to each handle.
  Hook before_export = [] { return std::string(); };
  PeerHook before_attach = [](int) { return std::string(); };

  std::string_view name() const override { return name_; }

  Offer<Export> export_block(const std::shared_ptr<Block>& block) override {
    if (std::string why = before_export(); !why.empty())
      return Offer<Export>::refuse(std::move(why));
    ++counts->exports;
    return {std::make_shared<Exported>(block, padding, counts), {}};
  }

  Offer<Attachment> attach(const PeerInfo& peer, const BlockId&, std::string_view handle,
                           std::chrono::milliseconds) override {
    if (std::string why = before_attach(peer.rank); !why.empty())
      return Offer<Attachment>::refuse(std::move(why));
    ++counts->attaches;
    Location location{};
    std::memcpy(&location, handle.data(), sizeof location);
    return {std::make_shared<Attached>(location, counts), {}};
  }

 private:
  struct Location {
    std::byte* base;
    std::size_t bytes;
  };
  class Exported : public Export {
   public:
    Exported(std::shared_ptr<Block> block, std::size_t padding, std::shared_ptr<Counts> counts)
        : block_(std::move(block)), padding_(padding), counts_(std::move(counts)) {
      ++counts_->living_exports;
    }
    ~Exported() override { --counts_->living_exports; }
    std::string handle() const override {
      const Location location{block_->base, block_->bytes};
      return std::string(reinterpret_cast<const char*>(&location), sizeof location)
          .append(padding_, 'x');
    }

   private:
    std::shared_ptr<Block> block_;
    const std::size_t padding_;
    std::shared_ptr<Counts> counts_;
  };
  class Attached : public Attachment {
   public:
    Attached(Location location, std::shared_ptr<Counts> counts)
        : location_(location), counts_(std::move(counts)) {
      ++counts_->living_attachments;
    }
    ~Attached() override { --counts_->living_attachments; }
    std::byte* pointer() const override { return location_.base; }
    std::size_t bytes() const override { return location_.bytes; }

   private:
    Location location_;
    std::shared_ptr<Counts> counts_;
  };

  const std::string name_;
};

}  // namespace symmem::harness
