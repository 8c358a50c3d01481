// SPDX-License-Identifier: Apache-2.0
#include "core/rendezvous.hpp"

#include <cstring>
#include <exception>

#include "base/check.hpp"
#include "core/collective.hpp"
#include "core/memory_impl.hpp"

namespace symmem {
namespace {

/// A zeroed signal pad, given back unless a SymmetricMemory takes it over.
class PadLease {
 public:
  PadLease(std::shared_ptr<BlockPool> pool, std::size_t bytes)
      : pool_(std::move(pool)), range_(pool_->take(bytes)) {
    // Before any peer hears of it: what an earlier user of the range left must not count.
    std::memset(range_.pointer(), 0, range_.bytes);
  }
  ~PadLease() {
    if (pool_) pool_->give_back(range_);
  }
  PadLease(PadLease&&) = default;
  /// Does not give it back: a peer may write to it.
  void keep() { pool_.reset(); }
  PadLease& operator=(PadLease&&) = delete;

  const Range& range() const { return range_; }
  void hand_over(MemoryParts& parts) {
    parts.pad = range_;
    parts.pad_pool = std::move(pool_);
  }

 private:
  std::shared_ptr<BlockPool> pool_;
  Range range_;
};

/// Once peers have been told where this rank's memory is, a store that is lost leaves open whether
/// they took it: then neither the buffer nor the pad is used again.
class Unsettled {
 public:
  Unsettled(const Group& group, std::shared_ptr<Allocation> allocation, PadLease& pad)
      : group_(group), allocation_(std::move(allocation)), pad_(pad) {}
  ~Unsettled() {
    if (std::uncaught_exceptions() == exceptions_ || !group_.store_is_lost()) return;
    allocation_->closed(group_.name(), /*well=*/false);
    pad_.keep();
  }
  Unsettled(const Unsettled&) = delete;
  Unsettled& operator=(const Unsettled&) = delete;

 private:
  const Group& group_;
  const std::shared_ptr<Allocation> allocation_;
  PadLease& pad_;
  const int exceptions_ = std::uncaught_exceptions();
};

/// A dozen pads share a block even in groups whose pads are large.
constexpr std::size_t kPadsPerBlock = 12;

PadLease lease_pad(Runtime& runtime, GroupRecord& record,
                   const std::shared_ptr<BlockMaker>& maker) {
  const std::size_t bytes = SignalPad::bytes(runtime.options.channels, record.group->world_size());
  const std::size_t block = std::max(runtime.options.block_size, kPadsPerBlock * bytes);
  return {record.pool(maker, runtime.block_ids, 0, block, true), bytes};
}

Place place_of(const Range& range) { return {range.block->id, range.kept, range.offset}; }

std::vector<std::string> names(const std::vector<std::shared_ptr<Transport>>& transports) {
  std::vector<std::string> all;
  for (const auto& transport : transports) all.emplace_back(transport->name());
  return all;
}

}  // namespace

std::shared_ptr<SymmetricMemory> meet(Runtime& runtime, const std::shared_ptr<GroupRecord>& record,
                                      const std::string& operation,
                                      const std::shared_ptr<BlockMaker>& maker,
                                      const std::function<std::shared_ptr<Allocation>()>& find,
                                      const Deadline& deadline) {
  Collective collective(record->group, operation, deadline);
  return collective.run([&] {
    const auto transports = runtime.transports(maker->device_type());
    std::shared_ptr<Allocation> allocation;
    std::optional<PadLease> pad;
    std::vector<std::unique_ptr<OpenRange>> open;
    Exported exported;
    std::optional<Unsettled> unsettled;

    const auto describe = [&] {
      allocation = find();
      pad.emplace(lease_pad(runtime, *record, maker));
      const Range& range = allocation->range();
      open.push_back(std::make_unique<OpenRange>(range, allocation->bytes()));
      open.push_back(std::make_unique<OpenRange>(pad->range(), pad->range().bytes));
      unsettled.emplace(*record->group, allocation, *pad);
      Description own{.bytes = allocation->bytes(),
                      .device = maker->device_type(),
                      .alloc_id = runtime.persistent.id_of(allocation->pointer()),
                      .channels = static_cast<std::uint32_t>(runtime.options.channels),
                      .transports = names(transports),
                      .require = runtime.options.require,
                      .host_id = runtime.host_id,
                      .buffer = place_of(range),
                      .pad = place_of(pad->range()),
                      .handles = {}};
      if (!range.kept && record->group->world_size() > 1 && !transports.empty()) {
        exported =
            record->connector.export_blocks(*transports.front(), range.block, pad->range().block);
        own.handles = exported.handles;
      }
      return own.encode();
    };
    std::vector<Description> described;
    for (const std::string& bytes : collective.gather(describe))
      described.push_back(Description::decode(bytes));
    validate(*record->group, described);

    MemoryParts parts;
    parts.record = record;
    parts.allocation = allocation;
    parts.connections = record->connector.connect(
        collective,
        {*record->group, described, allocation->range().block, pad->range().block, transports});
    parts.described = std::move(described);
    parts.open = std::move(open);
    pad->hand_over(parts);
    auto memory = std::make_shared<SymmetricMemory>(
        std::make_unique<SymmetricMemory::Impl>(std::move(parts)));
    memory->impl().serial = collective.serial();
    allocation->add(record->group->name(), memory);
    record->add(memory);
    if (runtime.log.shows(LogLevel::info)) runtime.log.info("{}", memory->explain());
    return memory;
  });
}

}  // namespace symmem
