// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "symmem/symmem.hpp"

namespace symmem::harness {

/// How many exports and attachments a set of LocalTransports has made, and how many still live.
struct Counts {
  std::atomic<int> exports{0}, attaches{0};
  std::atomic<int> living_exports{0}, living_attachments{0};
};

/// A transport as an application may write it: for ranks that are threads of one process, since its
/// handle is the block's address. The hooks make it fail in the ways that a test is about.
class LocalTransport : public Transport {
 public:
  /// Returns why not; empty: go on. May throw.
  using Hook = std::function<std::string()>;
  using PeerHook = std::function<std::string(int peer)>;

  explicit LocalTransport(std::string name) : name_(std::move(name)) {}
  /// Shared by the transports of several ranks, to count all of them.
  std::shared_ptr<Counts> counts = std::make_shared<Counts>();
  std::size_t padding = 0;  ///< Behind what its handles say, in bytes.
  Hook before_export = [] { return std::string(); };
  PeerHook before_attach = [](int) { return std::string(); };

  std::string_view name() const override { return name_; }

  Offer<Export> export_block(const std::shared_ptr<Block>& block) override {
    if (std::string why = before_export(); !why.empty()) return Offer<Export>::refuse(why);
    ++counts->exports;
    return {std::make_shared<Exported>(block, padding, counts), {}};
  }

  Offer<Attachment> attach(const PeerInfo& peer, const BlockId&, std::string_view handle,
                           std::chrono::milliseconds) override {
    if (std::string why = before_attach(peer.rank); !why.empty())
      return Offer<Attachment>::refuse(why);
    ++counts->attaches;
    Place place{};
    std::memcpy(&place, handle.data(), sizeof place);
    return {std::make_shared<Attached>(place, counts), {}};
  }

 private:
  struct Place {
    std::byte* at;
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
      const Place place{block_->base, block_->bytes};
      return std::string(reinterpret_cast<const char*>(&place), sizeof place).append(padding_, 'x');
    }

   private:
    std::shared_ptr<Block> block_;
    const std::size_t padding_;
    std::shared_ptr<Counts> counts_;
  };
  class Attached : public Attachment {
   public:
    Attached(Place place, std::shared_ptr<Counts> counts)
        : place_(place), counts_(std::move(counts)) {
      ++counts_->living_attachments;
    }
    ~Attached() override { --counts_->living_attachments; }
    std::byte* pointer() const override { return place_.at; }
    std::size_t bytes() const override { return place_.bytes; }

   private:
    Place place_;
    std::shared_ptr<Counts> counts_;
  };

  const std::string name_;
};

}  // namespace symmem::harness
