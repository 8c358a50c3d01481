// SPDX-License-Identifier: Apache-2.0
#include "rendezvous/rendezvous.hpp"

#include "base/check.hpp"
#include "group/collective.hpp"
#include "rendezvous/peer_tables.hpp"

namespace symmem {
namespace {

BlockRange block_range(const Range& range) { return {range.block->id, range.kept, range.offset}; }

std::vector<std::string> names(const std::vector<Transport*>& transports) {
  std::vector<std::string> all;
  for (const Transport* transport : transports) all.emplace_back(transport->name());
  return all;
}

}  // namespace

/// Owns this rank's allocation and pads until the SymmetricMemory is constructed.
struct Rendezvous::LocalContribution {
  explicit LocalContribution(const Group& the_group) : group(the_group) {}
  /// If the store is lost, peers may have attached the memory, so the memory must not be reused.
  ~LocalContribution() {
    if (group.store_is_lost()) mark_shared();
  }
  LocalContribution(const LocalContribution&) = delete;
  LocalContribution& operator=(const LocalContribution&) = delete;

  void mark_shared() {
    allocation.mark_shared();
    for (PadLease& pad : pads) pad.mark_shared();
  }

  const Group& group;
  AllocationUse allocation;
  std::vector<PadLease> pads;  ///< The first is accessed by pointer, the last by key.
  std::vector<std::unique_ptr<OpenRange>> open;
  Exported exported;
};

Description Rendezvous::contribute(GroupRecord& record, BlockMaker& maker,
                                   const std::vector<Transport*>& transports,
                                   LocalContribution& local) const {
  const Range& range = local.allocation->range;
  const int channels = options_.channels, size = record.group->world_size();
  local.pads = pads_.lease(record.pools, maker, range.block->device, size);
  local.open.push_back(std::make_unique<OpenRange>(range, local.allocation->bytes));
  for (const PadLease& pad : local.pads)
    local.open.push_back(
        std::make_unique<OpenRange>(pad.range(), SignalPad::bytes(channels, size)));
  const PadLease &pad = local.pads.front(), &network_pad = local.pads.back();
  Description own{.bytes = local.allocation->bytes,
                  .device = maker.device_type(),
                  .alloc_id = local.allocation->id,
                  .channels = static_cast<std::uint32_t>(channels),
                  .transports = names(transports),
                  .require = options_.require,
                  .host_id = host_id_,
                  .buffer = block_range(range),
                  .pad = block_range(pad.range()),
                  .network_pad = block_range(network_pad.range()),
                  .handles = {}};
  if (!range.kept && size > 1 && !transports.empty()) {
    Transport& first = *transports.front();
    const PadLease& used = first.by_key() ? network_pad : pad;
    local.exported = record.connector.export_blocks(first, range.block, used.range().block);
    own.handles = local.exported.handles;
  }
  return own;
}

std::shared_ptr<SymmetricMemory> Rendezvous::run(const std::shared_ptr<GroupRecord>& record,
                                                 const Request& request,
                                                 const Deadline& deadline) const {
  Collective collective(*record->group, request.operation, deadline);
  return collective.run([&] {
    const std::vector<Transport*> transports = transports_.transports(request.maker.device_type());
    LocalContribution local(*record->group);
    std::vector<Description> described;
    for (const std::string& bytes : collective.gather([&] {
           local.allocation = request.find();
           return contribute(*record, request.maker, transports, local).encode();
         }))
      described.push_back(Description::decode(bytes));
    validate(*record->group, described);

    const Range &range = local.allocation->range, &pad = local.pads.front().range();
    const RendezvousInput input{
        *record->group, described, range.block, pad.block, local.pads.back().range().block,
        transports};
    auto connections = record->connector.connect(collective, input);
    local.mark_shared();
    Gpu* const gpu = pads_.gpu(range.block->device);
    auto tables =
        make_peer_tables(*record->group, *connections, described, range.pointer(), pad.pointer());
    auto memory = SymmetricMemory::Impl::make({.holder = record,
                                               .group = record->group,
                                               .serial = collective.serial(),
                                               .channels = options_.channels,
                                               .allocation = std::move(local.allocation),
                                               .pads = std::move(local.pads),
                                               .open = std::move(local.open),
                                               .connections = std::move(connections),
                                               .tables = std::move(tables),
                                               .gpu = gpu});
    SymmetricMemory::Impl::of(*memory).allocation.set_memory(memory);
    record->add(memory);
    if (log_.shows(LogLevel::info)) log_.info("{}", memory->explain());
    return memory;
  });
}

}  // namespace symmem
