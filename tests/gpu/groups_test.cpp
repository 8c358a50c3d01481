// SPDX-License-Identifier: Apache-2.0
// Tests of groups that contain a subset of the ranks in any order, and of groups that share ranks
// or allocations.
#include <algorithm>

#include "gpu/test_gpu.hpp"
#include "gpu/test_kernels.hpp"

using namespace symmem;
using namespace symmem::gpu;

namespace {

struct NamedGroup {
  std::string name;
  std::vector<int> members;  ///< World rank of each member, indexed by rank in the group.
};

/// Calls set_group_info if this rank is a member of the group. Returns whether this rank is a
/// member.
bool name_group(Context& context, const NamedGroup& group) {
  const auto found = std::find(group.members.begin(), group.members.end(), context.rank());
  if (found == group.members.end()) return false;
  context.set_group_info(group.name, static_cast<int>(found - group.members.begin()),
                         static_cast<int>(group.members.size()),
                         context.get_group_info(kWorld).store);
  return true;
}

/// The SymmetricMemory of a rank in a group, the words of the rank's buffer, and the group's
/// members.
struct Member {
  std::shared_ptr<SymmetricMemory> memory;
  std::uint64_t* words;
  std::vector<int> members;

  int next() const { return (memory->rank() + 1) % memory->world_size(); }
  int previous() const {
    return (memory->rank() + memory->world_size() - 1) % memory->world_size();
  }
  std::uint64_t world_rank(int rank) const {
    return static_cast<std::uint64_t>(members[static_cast<std::size_t>(rank)]);
  }
};

/// Signals the next rank from the host, a stream and a kernel, then waits for the previous rank in
/// a kernel, on the stream and on the host.
void signal_ring(const Member& member, cudaStream_t stream, unsigned* wrong) {
  SymmetricMemory& memory = *member.memory;
  memory.put_signal(member.next(), 0);
  memory.on(stream).put_signal(member.next(), 0);
  launch_put_signal(stream, memory.device_view(), Scope::block, member.next(), 0);
  launch_wait_signal(stream, memory.device_view(), Scope::block, member.previous(), 0,
                     60'000'000'000, wrong);
  memory.on(stream).wait_signal(member.previous(), 0);
  ok(cudaStreamSynchronize(stream));
  memory.wait_signal(member.previous(), 0);
}

/// Puts this member's world rank to word `at` of the next rank, and checks the value received from
/// the previous rank.
void pass_ranks(const Member& member, std::size_t at, cudaStream_t stream) {
  SymmetricMemory& memory = *member.memory;
  const std::uint64_t own = member.world_rank(memory.rank());
  std::uint64_t received = 99;
  memory.put(member.next(), at * sizeof own, std::span(&own, 1));
  memory.on(stream).barrier(1);
  ok(cudaStreamSynchronize(stream));
  memory.get(memory.rank(), at * sizeof own, std::span(&received, 1));
  CHECK(received == member.world_rank(member.previous()));
}

void check_nothing_left(const Member& member) {
  member.memory->barrier();
  check_error(
      [&] { member.memory->wait_signal(member.previous(), 0, std::chrono::milliseconds(1)); },
      Errc::timeout);
  member.memory->barrier();
}

const std::vector<NamedGroup> kGroups = {{"swapped", {3, 1}},
                                         {"front", {0, 1}},
                                         {"overlap", {1, 0, 2}},
                                         {"alone", {2}},
                                         {"backwards", {3, 2, 1, 0}}};

}  // namespace

TEST_CASE(
    "groups that share ranks are used concurrently, and the world group is usable afterwards") {
  on_gpus(
      [](Context& context) {
        const TestStream stream;
        const Counter wrong;
        std::vector<Buffer<std::uint64_t>> buffers;
        std::vector<Member> all;
        for (const NamedGroup& group : kGroups)
          if (name_group(context, group)) {
            const AllocateOptions options{.device = gpu_of(context), .group = group.name};
            buffers.push_back(context.allocate<std::uint64_t>(64, options));
            all.push_back(
                {context.rendezvous(buffers.back()), buffers.back().data(), group.members});
          }
        // All groups signal before any group waits.
        for (const Member& member : all) member.memory->put_signal(member.next(), 2);
        for (const Member& member : all) member.memory->wait_signal(member.previous(), 2);
        for (const Member& member : all) signal_ring(member, stream, wrong);
        for (const Member& member : all) pass_ranks(member, 0, stream);
        for (const Member& member : all) check_nothing_left(member);
        CHECK(wrong.value() == 0);
        for (const Member& member : all) {
          member.memory->flush();
          member.memory->close();
        }
        for (const NamedGroup& group : kGroups)
          if (std::count(group.members.begin(), group.members.end(), context.rank()) != 0)
            context.end_group(group.name);
        const Words words(context, 8);
        words->barrier();
        words->close();
      },
      {4});
}

TEST_CASE("two groups that use one allocation have separate signals") {
  on_gpus(
      [](Context& context) {
        const TestStream stream;
        const Counter wrong;
        const Words words(context, 64);
        const NamedGroup world{kWorld, {0, 1, 2}}, backwards{"backwards", {2, 1, 0}};
        name_group(context, backwards);
        const Member first{words.memory, words.data(), world.members};
        const Member second{context.rendezvous(words.buffer, backwards.name), words.data(),
                            backwards.members};
        CHECK(first.memory != second.memory);
        CHECK(first.memory->peer(context.rank()).mapped.data() ==
              second.memory->peer(second.memory->rank()).mapped.data());
        // A signal in the first group does not arrive in the second group.
        first.memory->put_signal(first.next(), 0);
        first.memory->barrier();
        check_error(
            [&] { second.memory->wait_signal(second.next(), 0, std::chrono::milliseconds(1)); },
            Errc::timeout);
        first.memory->wait_signal(first.previous(), 0);
        second.memory->barrier();
        signal_ring(first, stream, wrong);
        signal_ring(second, stream, wrong);
        pass_ranks(first, 40, stream);
        pass_ranks(second, 41, stream);
        // The barriers of the two groups are independent.
        launch_barrier_object(stream, first.memory->device_view(), Scope::warp, 3, 20, wrong);
        launch_barrier_object(stream, second.memory->device_view(), Scope::warp, 3, 20, wrong);
        stream.wait();
        check_nothing_left(first);
        check_nothing_left(second);
        CHECK(wrong.value() == 0);
        second.memory->close();
        first.memory->barrier();  // `first.memory` stays usable.
        signal_ring(first, stream, wrong);
        first.memory->close();
        CHECK(wrong.value() == 0);
      },
      {3});
}
