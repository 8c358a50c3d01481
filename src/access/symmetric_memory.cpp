// SPDX-License-Identifier: Apache-2.0
#include "symmem/symmetric_memory.hpp"

#include <algorithm>
#include <limits>

#include "group/collective.hpp"
#include "access/memory_impl.hpp"

namespace symmem {

SymmetricMemory::SymmetricMemory(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SymmetricMemory::~SymmetricMemory() = default;

int SymmetricMemory::rank() const { return impl_->group->rank(); }
int SymmetricMemory::world_size() const { return impl_->group->world_size(); }
const std::string& SymmetricMemory::group_name() const { return impl_->group->name(); }
Device SymmetricMemory::device() const { return impl_->device; }
std::size_t SymmetricMemory::buffer_size() const { return impl_->buffer_bytes; }
int SymmetricMemory::channels() const { return impl_->signals->channels(); }
std::size_t SymmetricMemory::signal_pad_size() const {
  return SignalPad::bytes(channels(), world_size());
}
const std::vector<void*>& SymmetricMemory::buffer_ptrs() const { return impl_->buffer_ptrs; }
const std::vector<void*>& SymmetricMemory::signal_pad_ptrs() const { return impl_->pad_ptrs; }

Peer SymmetricMemory::peer(int rank) {
  impl_->check_open("peer");
  impl_->check_rank(rank, "peer");
  Peer peer{buffer_ptrs()[static_cast<std::size_t>(rank)], {}, route(rank).transport};
  if (peer.pointer == nullptr) peer.key = RemoteKey(shared_from_this(), rank);
  return peer;
}

const Route& SymmetricMemory::route(int rank) const {
  impl_->check_rank(rank, "route");
  return impl_->routes[static_cast<std::size_t>(rank)];
}

namespace {

std::string matrix_text(const std::vector<std::string>& transports, std::size_t size) {
  std::size_t width = 0;
  for (const std::string& transport : transports) width = std::max(width, transport.size());
  std::string text = fmt::format("  {:>4}", "");
  for (std::size_t to = 0; to < size; ++to) text += fmt::format(" {:>{}}", to, width);
  for (std::size_t i = 0; i < transports.size(); ++i) {
    if (i % size == 0) text += fmt::format("\n  {:>4}", i / size);
    text += fmt::format(" {:>{}}", transports[i], width);
  }
  return text + "\n";
}

}  // namespace

std::string SymmetricMemory::explain() const {
  impl_->group->fork().check();
  std::string text = fmt::format("routes of rank {} in group \"{}\", {} bytes on {}:\n", rank(),
                                 group_name(), buffer_size(), to_string(device()));
  const std::vector<std::string>& matrix = impl_->connections->matrix;
  if (!matrix.empty()) text += matrix_text(matrix, static_cast<std::size_t>(world_size()));
  for (int r = 0; r < world_size(); ++r) {
    text += fmt::format("  {}: {}", impl_->group->describe(r), route(r).transport);
    for (const RefusedTransport& refused : route(r).refused)
      text += fmt::format("; {} refused: {}", refused.transport, refused.reason);
    text += '\n';
  }
  return text;
}

namespace {

const GpuState& gpu_of(const SymmetricMemory::Impl& impl, const char* operation) {
  impl.check_open(operation);
  require(impl.gpu != nullptr, Errc::unsupported, "{}: the memory is on {}, not on a GPU",
          operation, to_string(impl.device));
  return *impl.gpu;
}

}  // namespace

void* const* SymmetricMemory::buffer_ptrs_dev() const {
  return gpu_of(*impl_, "buffer_ptrs_dev").view().state.buffers;
}
void* const* SymmetricMemory::signal_pad_ptrs_dev() const {
  return reinterpret_cast<void* const*>(gpu_of(*impl_, "signal_pad_ptrs_dev").view().state.pads);
}
DeviceView SymmetricMemory::device_view() const { return gpu_of(*impl_, "device_view").view(); }
StreamOperations SymmetricMemory::on(Stream stream) {
  static_cast<void>(gpu_of(*impl_, "on"));
  return {shared_from_this(), stream};
}

Tensor SymmetricMemory::get_buffer(int rank, const std::vector<std::int64_t>& sizes, DataType dtype,
                                   std::int64_t storage_offset) const {
  const std::vector<std::int64_t> strides = contiguous_strides(sizes);
  const std::size_t bytes = strided_extent(sizes, strides, dtype);
  require(storage_offset >= 0 && dtype.bytes() > 0 &&
              static_cast<std::size_t>(storage_offset) <=
                  std::numeric_limits<std::size_t>::max() / dtype.bytes(),
          Errc::invalid_argument,
          "get_buffer: storage_offset {} elements of {} bytes is out of range", storage_offset,
          dtype.bytes());
  std::byte* at = impl_->reach(rank, static_cast<std::size_t>(storage_offset) * dtype.bytes(),
                               bytes, "get_buffer");
  if (at == nullptr)
    fail(Errc::unsupported, "get_buffer: {} is reached by {}, without a pointer; use get",
         impl_->group->describe(rank), route(rank).transport);
  // The view keeps mapped what it points into: the own block or the attached one.
  const std::shared_ptr<void> storage =
      rank == this->rank()
          ? std::shared_ptr<void>(impl_->allocation->range().block)
          : std::shared_ptr<void>(impl_->connections->peers[static_cast<std::size_t>(rank)].buffer);
  return {at, sizes, strides, dtype, device(), storage};
}

void RemoteKey::put(std::size_t offset, const void* source, std::size_t bytes) const {
  memory_->put(rank_, offset, source, bytes);
}
void RemoteKey::get(std::size_t offset, void* target, std::size_t bytes) const {
  memory_->get(rank_, offset, target, bytes);
}
void RemoteKey::put_nbi(std::size_t offset, const void* source, std::size_t bytes) const {
  memory_->put_nbi(rank_, offset, source, bytes);
}
void RemoteKey::get_nbi(std::size_t offset, void* target, std::size_t bytes) const {
  memory_->get_nbi(rank_, offset, target, bytes);
}
void RemoteKey::flush(Timeout timeout) const { memory_->flush(rank_, timeout); }
PackedKey RemoteKey::packed() const { return memory_->impl().packed_key(rank_); }

void SymmetricMemory::close(Timeout timeout) {
  const auto keep = shared_from_this();  // The record's share may be the last but ours.
  const auto record = impl_->record.lock();
  impl_->check_open("close");  // Last: while the memory is open its record is there.
  const Deadline deadline = impl_->group->deadline(timeout);
  Collective collective(impl_->group, "close", deadline);
  try {
    collective.run([&] {
      const auto finish = [&] {
        impl_->flush_all(deadline);
        return impl_->serial;
      };
      for (const std::string& serial : collective.gather(finish))
        require(serial == impl_->serial, Errc::invalid_argument,
                "the ranks closed different memories; close in the same order on all ranks");
    });
  } catch (...) {  // A caller's Store may throw anything.
    impl_->detach(false);
    record->connector.detach();
    throw;
  }
  impl_->detach(true);
  record->remove(this);
}

}  // namespace symmem
