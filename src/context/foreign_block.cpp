// SPDX-License-Identifier: Apache-2.0
#include "context/foreign_block.hpp"

#include <cstdint>
#include <limits>

#include "base/check.hpp"
#include "base/mappings.hpp"
#include "rendezvous/rendezvous.hpp"

namespace symmem {
namespace {

/// That offsets which are aligned in the buffer are aligned in memory, for the widest access that
/// is one: an atomic, or on GPUs a packet, which would otherwise end the CUDA context.
constexpr std::size_t alignment_on(DeviceType type) { return type == DeviceType::cuda ? 16 : 8; }

class ForeignBlock : public Block {
 public:
  ForeignBlock(BlockId block_id, const ForeignMemory& memory)
      : Block(block_id, static_cast<std::byte*>(memory.pointer), memory.bytes, memory.device, -1) {}
};

/// Signal pads of the memory's group are ours all the same: this makes their blocks. For a type
/// that is not supported, which this rank has yet to tell the others, any will do.
std::shared_ptr<BlockMaker> maker_of(const Runtime& runtime, DeviceType type) {
  for (const auto& maker : runtime.makers)
    if (maker->device_type() == type) return maker;
  return runtime.makers.front();
}

void check(const Runtime& runtime, const ForeignMemory& memory, DeviceType supported) {
  require(memory.device.type == supported, Errc::unsupported,
          "register_buffer: memory of type {} is not supported by this build",
          to_string(memory.device.type));
  require(memory.pointer != nullptr, Errc::invalid_argument, "register_buffer: null pointer");
  const auto first = reinterpret_cast<std::uintptr_t>(memory.pointer);
  const std::size_t alignment = alignment_on(supported);
  require(first % alignment == 0, Errc::invalid_argument,
          "register_buffer: address {} is not a multiple of {}, as atomic operations{} need",
          memory.pointer, alignment, supported == DeviceType::cuda ? " and packets" : "");
  require(memory.bytes <= std::numeric_limits<std::uintptr_t>::max() - first,
          Errc::invalid_argument,
          "register_buffer: {} bytes from {} on go past the end of the address space", memory.bytes,
          memory.pointer);
  if (supported == DeviceType::host)
    require(is_mapped(memory.pointer, memory.bytes), Errc::invalid_argument,
            "register_buffer: this process cannot load and store all of the {} bytes from {} on",
            memory.bytes, memory.pointer);
  if (supported == DeviceType::cuda)
    runtime.gpus->check_memory(memory.pointer, memory.bytes, memory.device.index);
}

}  // namespace

std::shared_ptr<SymmetricMemory> register_foreign(Runtime& runtime,
                                                  const std::shared_ptr<GroupRecord>& record,
                                                  const ForeignMemory& memory,
                                                  const Deadline& deadline) {
  const auto maker = maker_of(runtime, memory.device.type);
  const auto find = [&] {
    check(runtime, memory, maker->device_type());
    auto block = std::make_shared<ForeignBlock>(runtime.block_ids->next(), memory);
    return std::make_shared<Allocation>(nullptr, Range{std::move(block), false, 0, memory.bytes},
                                        memory.bytes);
  };
  return meet(runtime, record, "register_buffer", maker, find, deadline);
}

}  // namespace symmem
