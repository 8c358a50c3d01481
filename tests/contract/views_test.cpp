// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <numeric>

#include "contract/contract.hpp"

using namespace symmem;
using namespace symmem::contract;

TEST_CASE("a view of a peer's buffer contains the buffer's elements from the offset on") {
  on_ranks([](Context& context) {
    constexpr std::int64_t kCount = 120;
    const Device device = harness::tested_device(context.rank());
    const Tensor tensor = empty_strided_p2p(context, {kCount}, {1}, kInt32, device);
    const auto memory = rendezvous(context, tensor);
    std::vector<std::int32_t> mine(kCount);
    std::iota(mine.begin(), mine.end(), context.rank() * 1000);
    harness::copy_on(device, tensor.data(), mine.data(), kCount * sizeof mine[0]);
    const auto element = [&device](const Tensor& view, std::ptrdiff_t i) {
      std::int32_t value = 0;
      harness::copy_on(device, &value, view.data<std::int32_t>() + i, sizeof value);
      return value;
    };
    memory->barrier();
    for (int of = 0; of < context.world_size(); ++of) {
      if (memory->peer(of).key) continue;
      const Tensor view = get_buffer(*memory, of, {4, 5}, kInt32, 100);
      CHECK(view.sizes() == std::vector<std::int64_t>{4, 5});
      CHECK(view.strides() == std::vector<std::int64_t>{5, 1});
      CHECK(view.device() == tensor.device());
      CHECK(element(view, 0) == of * 1000 + 100);
      CHECK(element(view, 19) == of * 1000 + 119);
      // The offset is in elements of the view's type.
      const Tensor bytes = get_buffer(*memory, of, {4}, kUint8, 4);
      CHECK(element(bytes, 0) == of * 1000 + 1);
    }
    memory->barrier();
    memory->close();
  });
}

TEST_CASE("a view that does not fit the buffer is refused") {
  on_ranks_leaving_nothing([](Context& context) {
    const Shared shared = share(context, 400);
    const int peer = next_of(context);
    const SymmetricMemory& memory = *shared.memory;
    if (!memory.peer(peer).key) {
      CHECK_NOTHROW(get_buffer(memory, peer, {100}, kInt32));
      CHECK_NOTHROW(get_buffer(memory, peer, {0}, kInt32, 100));
      CHECK_NOTHROW(get_buffer(memory, peer, {}, kInt32, 99));
    } else {
      check_error([&] { get_buffer(memory, peer, {100}, kInt32); }, Errc::unsupported);
    }
    const auto refused = [&](std::vector<std::int64_t> sizes, DataType dtype, std::int64_t offset) {
      check_error([&] { get_buffer(memory, peer, sizes, dtype, offset); }, Errc::invalid_argument);
    };
    refused({101}, kInt32, 0);
    refused({100}, kInt32, 1);
    refused({1}, kInt32, 100);
    refused({1}, kInt32, -1);
    refused({-1}, kInt32, 0);
    refused({1}, kInt64, INT64_MAX);
    refused({INT64_MAX, INT64_MAX}, kInt8, 0);
    refused({0}, kInt32, 101);
    refused({1}, DataType{0, 0}, 0);
    shared->close();
  });
}

TEST_CASE("each peer is accessed through a pointer or through a remote key, never both") {
  on_ranks([](Context& context) {
    const Shared shared = share(context, 64);
    for (int of = 0; of < context.world_size(); ++of) {
      const Peer peer = shared->peer(of);
      const auto index = static_cast<std::size_t>(of);
      CHECK((peer.mapped.data() != nullptr) != peer.key.has_value());
      CHECK(get_buffer_ptrs(*shared.memory)[index] == peer.mapped.data());
      CHECK((get_signal_pad_ptrs(*shared.memory)[index] == nullptr) == peer.key.has_value());
      if (!peer.key) continue;
      // A transport that only sends messages needs no remote key.
      CHECK(peer.key->key.empty() == (shared->route(of).transport == "ucx_staged"));
      CHECK(!peer.key->worker.empty());
      CHECK(peer.key->address != 0);
    }
    shared->barrier();
    shared->close();
  });
}

TEST_CASE("a SymmetricMemory returns its ranks, group, sizes, channels and routes") {
  on_ranks([](Context& context) {
    const Shared shared = share(context, 1000);
    CHECK(shared->rank() == context.rank());
    CHECK(shared->world_size() == context.world_size());
    CHECK(shared->group_name() == kWorld);
    CHECK(shared->device() == harness::tested_device(context.rank()));
    CHECK(shared->buffer_size() == 1000);
    CHECK(shared->channels() == context.options().channels);
    CHECK(shared->signal_pad_size() >= static_cast<std::size_t>(shared->channels()) * 8);
    CHECK(get_signal_pad_ptrs(*shared.memory).size() == get_buffer_ptrs(*shared.memory).size());
    const std::string text = shared->explain();
    for (int rank = 0; rank < context.world_size(); ++rank) {
      const std::string& transport = shared->route(rank).transport;
      CHECK((transport == "self") == (rank == context.rank()));
      CHECK(text.find("rank " + std::to_string(rank) + " (host") != std::string::npos);
      CHECK(text.find(": " + transport) != std::string::npos);
    }
    shared->close();
  });
}
