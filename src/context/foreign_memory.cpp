// SPDX-License-Identifier: Apache-2.0
#include "context/foreign_memory.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "base/check.hpp"
#include "base/mappings.hpp"

namespace symmem {
namespace {

constexpr const char* kOperation = "rendezvous of a span";
/// Identifies the collective call on the wire: docs/wire.md.
constexpr const char* kWireName = "register_buffer";

/// Returns the alignment of the widest single access: an atomic operation, or a packet on a GPU. A
/// misaligned packet would invalidate the CUDA context.
constexpr std::size_t alignment_on(DeviceType type) { return type == DeviceType::cuda ? 16 : 8; }

class ForeignBlock : public Block {
 public:
  ForeignBlock(BlockId block_id, std::span<std::byte> memory, Device on)
      : Block(block_id, memory.data(), memory.size(), on, /*fd=*/-1) {}
};

}  // namespace

void ForeignMemory::check(std::span<std::byte> memory, Device device, DeviceType supported) const {
  require(device.type == supported, Errc::unsupported,
          "{}: memory of type {} is not supported by this build", kOperation,
          to_string(device.type));
  require(memory.data() != nullptr, Errc::invalid_argument, "{}: the span is null", kOperation);
  const auto* const first = static_cast<const void*>(memory.data());
  const std::size_t alignment = alignment_on(supported);
  const auto address = reinterpret_cast<std::uintptr_t>(first);
  require(address % alignment == 0, Errc::invalid_argument,
          "{}: address {} is not a multiple of {}, which atomic operations{} require", kOperation,
          first, alignment, supported == DeviceType::cuda ? " and packets" : "");
  require(memory.size() <= std::numeric_limits<std::uintptr_t>::max() - address,
          Errc::invalid_argument, "{}: {} bytes at {} exceed the address space", kOperation,
          memory.size(), first);
  if (supported == DeviceType::host)
    require(is_mapped(first, memory.size()), Errc::invalid_argument,
            "{}: this process cannot load and store all of the {} bytes at {}", kOperation,
            memory.size(), first);
  if (supported == DeviceType::cuda) gpus_->check_memory(first, memory.size(), device.index);
}

std::shared_ptr<SymmetricMemory> ForeignMemory::rendezvous(
    const std::shared_ptr<GroupRecord>& record, std::span<std::byte> memory, Device device,
    const Deadline& deadline) {
  // For an unsupported device type, `find` throws inside the collective, so that all ranks fail.
  // Until then any maker is sufficient.
  const auto found = std::find_if(makers_.begin(), makers_.end(), [&](const auto& maker) {
    return maker->device_type() == device.type;
  });
  BlockMaker& maker = found == makers_.end() ? *makers_.front() : **found;
  const auto find = [&] {
    check(memory, device, maker.device_type());
    auto block = std::make_shared<ForeignBlock>(ids_.next(), memory, device);
    return table_.add_for({.pool = nullptr,
                           .range = {std::move(block), false, 0, memory.size()},
                           .bytes = memory.size(),
                           .group = record->group->name(),
                           .name = {},
                           .id = {}},
                          record->group->name());
  };
  return rendezvous_.run(record, {kWireName, maker, find}, deadline);
}

}  // namespace symmem
