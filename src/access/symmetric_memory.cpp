// SPDX-License-Identifier: Apache-2.0
#include "symmem/symmetric_memory.hpp"

#include <algorithm>

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

Peer SymmetricMemory::peer(int rank) const {
  impl_->check_open("peer");
  impl_->check_rank(rank, "peer");
  const auto index = static_cast<std::size_t>(rank);
  if (void* const mapped = impl_->tables.buffers[index])
    return {{static_cast<std::byte*>(mapped), buffer_size()}, {}};
  const RemoteRange& range = impl_->tables.buffer_keys[index];
  RemoteKey key = range.key->packed();
  key.address += range.offset;
  return {{}, std::move(key)};
}

const Route& SymmetricMemory::route(int rank) const {
  impl_->check_rank(rank, "route");
  return impl_->tables.routes[static_cast<std::size_t>(rank)];
}

namespace {

std::string matrix_text(const std::vector<std::string>& transports, std::size_t size) {
  std::size_t width = 0;
  for (const std::string& transport : transports) width = std::max(width, transport.size());
  std::string text = fmt::format("  {:>4}", "");
  for (std::size_t to = 0; to < size; ++to) text += fmt::format(" {:>{}}", to, width);
  for (std::size_t from = 0; from < size; ++from) {
    text += fmt::format("\n  {:>4}", from);
    for (std::size_t to = 0; to < size; ++to)
      text += fmt::format(" {:>{}}", transports[from * size + to], width);
  }
  return text + "\n";
}

}  // namespace

std::string SymmetricMemory::explain() const {
  impl_->group->fork().check();
  std::string text = fmt::format("routes of rank {} in group \"{}\", {}{} bytes on {}:\n", rank(),
                                 group_name(), impl_->name.empty() ? "" : impl_->name + ", ",
                                 buffer_size(), to_string(device()));
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

}  // namespace symmem
