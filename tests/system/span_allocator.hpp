// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <map>
#include <string>

#include "system/plain_allocator.hpp"

namespace symmem::harness {

/// An allocator that an application may register instead of the built-in one: takes memory from
/// operator new and its rendezvous from Context::rendezvous of a span. `context` must outlive it.
class SpanAllocator : public PlainAllocator {
 public:
  explicit SpanAllocator(Context& context) : context_(context) {}

  void* alloc(std::size_t bytes, int device_index, const std::string& group) override {
    void* const pointer = PlainAllocator::alloc(bytes, device_index, group);
    bytes_[pointer] = bytes;
    return pointer;
  }
  std::size_t get_alloc_size(void* pointer) const override { return bytes_.at(pointer); }
  std::shared_ptr<SymmetricMemory> rendezvous(void* pointer, const std::string& group,
                                              Timeout timeout) override {
    return context_.rendezvous({static_cast<std::byte*>(pointer), bytes_.at(pointer)}, {},
                               group.empty() ? kWorld : group, timeout);
  }

 private:
  Context& context_;
  std::map<void*, std::size_t> bytes_;
};

/// Replaces the allocator of host memory. Checks that `transport` connects its memory.
inline void use_span_allocator(Context& context, const std::string& transport) {
  const auto allocator = std::make_shared<SpanAllocator>(context);
  context.register_allocator(DeviceType::host, allocator);
  const int size = context.world_size(), previous = (context.rank() + size - 1) % size;
  {
    const auto buffer = context.allocate<int>(16);
    CHECK(allocator->last_request == "64 on 0 for world");
    const auto memory = context.rendezvous(buffer);
    CHECK(memory->peer(context.rank()).mapped.data() ==
          reinterpret_cast<std::byte*>(buffer.data()));
    CHECK(memory->route(previous).transport == transport);
    memory->put((context.rank() + 1) % size, 4, std::span(&previous, 1));
    memory->barrier();
    CHECK(buffer.data()[1] == (previous + size - 1) % size);
    memory->close();
  }
  CHECK(allocator->allocations == 0);
}

}  // namespace symmem::harness
