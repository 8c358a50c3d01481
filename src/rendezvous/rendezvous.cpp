// SPDX-License-Identifier: Apache-2.0
#include "rendezvous/rendezvous.hpp"

#include <algorithm>
#include <exception>

#include "base/check.hpp"
#include "group/collective.hpp"
#include "access/memory_impl.hpp"

namespace symmem {
namespace {

/// Once peers have been told where this rank's memory is, a store that is lost leaves open whether
/// they took it: then neither the buffer nor the pads are used again.
class Unsettled {
 public:
  Unsettled(const Group& group, std::shared_ptr<Allocation> allocation, std::vector<PadLease>& pads)
      : group_(group), allocation_(std::move(allocation)), pads_(pads) {}
  ~Unsettled() {
    if (std::uncaught_exceptions() == exceptions_ || !(agreed_ || group_.store_is_lost())) return;
    allocation_->closed(group_.name(), /*well=*/false);
    for (PadLease& pad : pads_) pad.keep();
  }
  /// The peers did take it: what fails from now on fails here alone.
  void agree() {
    agreed_ = true;
    for (PadLease& pad : pads_) pad.use();
  }
  Unsettled(const Unsettled&) = delete;
  Unsettled& operator=(const Unsettled&) = delete;

 private:
  const Group& group_;
  const std::shared_ptr<Allocation> allocation_;
  std::vector<PadLease>& pads_;
  const int exceptions_ = std::uncaught_exceptions();
  bool agreed_ = false;
};

/// A dozen pads share a block even in groups whose pads are large.
constexpr std::size_t kPadsPerBlock = 12;

/// The signal pad of an allocation on `device`, and of GPU memory a second one, on the host.
std::vector<PadLease> lease_pads(Runtime& runtime, GroupRecord& record,
                                 const std::shared_ptr<BlockMaker>& maker, const Device& device) {
  const int channels = runtime.options.channels, size = record.group->world_size();
  std::vector<PadLease> pads;
  const auto lease = [&](const std::shared_ptr<BlockMaker>& by, std::size_t bytes, Gpu* gpu) {
    const std::size_t block = std::max(runtime.options.block_size, kPadsPerBlock * bytes);
    pads.emplace_back(record.pool(by, runtime.block_ids, device.index, block, true), bytes, gpu);
  };
  const auto gpu = runtime.gpu(device);
  if (!gpu) {
    lease(maker, SignalPad::bytes(channels, size), nullptr);
  } else {
    lease(maker, GpuState::device_bytes(channels, size), gpu.get());
    lease(runtime.pinned_maker, GpuState::pinned_bytes(channels, size), nullptr);
  }
  return pads;
}

BlockRange block_range(const Range& range) { return {range.block->id, range.kept, range.offset}; }

std::vector<std::string> names(const std::vector<std::shared_ptr<Transport>>& transports) {
  std::vector<std::string> all;
  for (const auto& transport : transports) all.emplace_back(transport->name());
  return all;
}

/// What this rank brings to a rendezvous.
struct Brought {
  std::shared_ptr<Allocation> allocation;
  std::vector<PadLease> pads;
  std::vector<std::unique_ptr<OpenRange>> open;
  Exported exported;
  std::optional<Unsettled> unsettled;  ///< Last: it looks at the pads when it goes.
};

using Transports = std::vector<std::shared_ptr<Transport>>;

/// Leases and opens what peers will use of `brought.allocation`, and describes it.
Description describe(Runtime& runtime, GroupRecord& record,
                     const std::shared_ptr<BlockMaker>& maker, const Transports& transports,
                     Brought& brought) {
  const Range& range = brought.allocation->range();
  const int channels = runtime.options.channels, size = record.group->world_size();
  brought.pads = lease_pads(runtime, record, maker, range.block->device);
  const PadLease &pad = brought.pads.front(), &network_pad = brought.pads.back();
  brought.open.push_back(std::make_unique<OpenRange>(range, brought.allocation->bytes()));
  for (const PadLease& one : brought.pads)
    brought.open.push_back(
        std::make_unique<OpenRange>(one.range(), SignalPad::bytes(channels, size)));
  brought.unsettled.emplace(*record.group, brought.allocation, brought.pads);
  Description own{.bytes = brought.allocation->bytes(),
                  .device = maker->device_type(),
                  .alloc_id = runtime.persistent.id_of(brought.allocation->pointer()),
                  .channels = static_cast<std::uint32_t>(channels),
                  .transports = names(transports),
                  .require = runtime.options.require,
                  .host_id = runtime.host_id,
                  .buffer = block_range(range),
                  .pad = block_range(pad.range()),
                  .network_pad = block_range(network_pad.range()),
                  .handles = {}};
  if (!range.kept && size > 1 && !transports.empty()) {
    Transport& first = *transports.front();
    const PadLease& used = first.by_key() ? network_pad : pad;
    brought.exported = record.connector.export_blocks(first, range.block, used.range().block);
    own.handles = brought.exported.handles;
  }
  return own;
}

}  // namespace

std::shared_ptr<SymmetricMemory> meet(Runtime& runtime, const std::shared_ptr<GroupRecord>& record,
                                      const std::string& operation,
                                      const std::shared_ptr<BlockMaker>& maker,
                                      const std::function<std::shared_ptr<Allocation>()>& find,
                                      const Deadline& deadline) {
  Collective collective(*record->group, operation, deadline);
  return collective.run([&] {
    const Transports transports = runtime.transports(maker->device_type());
    Brought brought;
    std::vector<Description> described;
    for (const std::string& bytes : collective.gather([&] {
           brought.allocation = find();
           return describe(runtime, *record, maker, transports, brought).encode();
         }))
      described.push_back(Description::decode(bytes));
    validate(*record->group, described);

    const Range& range = brought.allocation->range();
    const Meeting meeting{*record->group,
                          described,
                          range.block,
                          brought.pads.front().range().block,
                          brought.pads.back().range().block,
                          transports};
    MemoryParts parts;
    parts.record = record;
    parts.allocation = brought.allocation;
    parts.connections = record->connector.connect(collective, meeting);
    brought.unsettled->agree();
    parts.described = std::move(described);
    parts.open = std::move(brought.open);
    parts.gpu = runtime.gpu(range.block->device);
    parts.pads = std::move(brought.pads);
    auto memory = std::make_shared<SymmetricMemory>(
        std::make_unique<SymmetricMemory::Impl>(std::move(parts)));
    memory->impl().serial = collective.serial();
    brought.allocation->add(record->group->name(), memory);
    record->add(memory);
    if (runtime.log.shows(LogLevel::info)) runtime.log.info("{}", memory->explain());
    return memory;
  });
}

}  // namespace symmem
