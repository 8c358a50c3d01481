// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "fd_service/fd_service.hpp"
#include "base/log.hpp"
#include "harness/errors.hpp"
#include "harness/resources.hpp"
#include "blocks/host_block.hpp"
#include "shm/factory.hpp"
#include "shm/handle.hpp"

using namespace symmem;
using namespace symmem::harness;
using symmem::shm::ShmHandle;

namespace {

constexpr std::chrono::seconds kAmple{60};
/// No process has this pid, so that descriptors have to be asked for.
constexpr std::int64_t kNobody = -1;

Options with_verify(bool verify) {
  Options options;
  options.verify = verify;
  return options;
}

/// One process's side.
struct Side {
  explicit Side(bool verify = true) : options(with_verify(verify)) {}
  Offer<Attachment> attach(const std::string& handle, BlockId id = {1, 2},
                           const std::string& host = "host") {
    return transport->attach({3, {"host", kNobody, 5}, host}, id, handle, kAmple);
  }
  /// The same, from a peer whose process /proc shows: this one.
  Offer<Attachment> attach_in_proc(const ShmHandle& handle) {
    return transport->attach({3, {"host", ::getpid(), 5}, "host"}, {1, 2}, handle.encode(), kAmple);
  }
  Options options;
  std::string host_id = "host";
  Process process;
  EventLoop loop;
  FdService fds{loop, ""};
  Log log{LogLevel::off};
  TransportEnvironment environment{options, host_id, process, fds, log};
  std::shared_ptr<Transport> transport = shm::make_transports(environment).front();
};

std::shared_ptr<Block> make_block(std::size_t bytes = 5000) {
  return make_host_block_maker()->make({1, 2}, bytes, 0);
}

void check_refusal(const Offer<Attachment>& offer, const std::string& why) {
  CHECK(offer.value == nullptr);
  CHECK_MESSAGE(offer.refusal.find(why) != std::string::npos, offer.refusal);
}

}  // namespace

TEST_CASE("an attachment shows the block's bytes, all of them, both ways") {
  Side owner, peer;
  const auto block = make_block();
  const auto exported = owner.transport->export_block(block);
  REQUIRE(exported.value);
  const auto attached = peer.attach(exported.value->handle());
  REQUIRE(attached.value);
  CHECK(attached.value->bytes() == block->bytes);
  CHECK(attached.value->pointer() != block->base);
  block->base[0] = std::byte{1};
  attached.value->pointer()[block->bytes - 1] = std::byte{2};
  CHECK(attached.value->pointer()[0] == std::byte{1});
  CHECK(block->base[block->bytes - 1] == std::byte{2});
}

TEST_CASE("an attachment outlives export, block and owner, and then leaves nothing") {
  Side peer;
  const Resources before = Resources::now();
  {
    Offer<Attachment> attached;
    {
      Side owner;
      const auto block = make_block();
      block->base[7] = std::byte{7};
      attached = peer.attach(owner.transport->export_block(block).value->handle());
    }
    CHECK(attached.value->pointer()[7] == std::byte{7});
  }
  CHECK(before.changes() == "");
}

TEST_CASE("what cannot be reached is refused with the reason") {
  Side owner, peer;
  const auto block = make_block();
  auto exported = owner.transport->export_block(block);
  const std::string handle = exported.value->handle();
  check_refusal(peer.attach(handle, {1, 2}, "elsewhere"), "another host (id elsewhere, here host)");
  check_refusal(peer.attach(handle, {1, 3}), "token differs");
  exported.value.reset();
  check_refusal(peer.attach(handle), "no such memory (any more)");
  ShmHandle nobody = ShmHandle::decode(handle);
  nobody.address = "@symmem-nobody";
  check_refusal(peer.attach(nobody.encode()), "no process serves");
}

TEST_CASE("a block that /proc shows is attached without a word to its owner") {
  Side owner, peer;
  const auto block = make_block();
  const auto exported = owner.transport->export_block(block);
  ShmHandle handle = ShmHandle::decode(exported.value->handle());
  CHECK(handle.descriptor == static_cast<std::uint32_t>(block->descriptor));
  handle.address = "@symmem-nobody";
  const auto attached = peer.attach_in_proc(handle);
  REQUIRE_MESSAGE(attached.value, attached.refusal);
  block->base[0] = std::byte{1};
  CHECK(attached.value->pointer()[0] == std::byte{1});
}

TEST_CASE("what /proc shows but is not the block is let lie, and the block asked for") {
  Side owner, peer(false);
  const auto block = make_block(), other = make_host_block_maker()->make({1, 3}, 5000, 0);
  block->base[0] = std::byte{1};
  const auto exported = owner.transport->export_block(block);
  int pipe[2];
  REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
  const Fd read(pipe[0]), write(pipe[1]);
  const Fd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  const int closed = ::dup(file.get());
  ::close(closed);
  for (const int lies : {other->descriptor, read.get(), file.get(), closed, -1}) {
    ShmHandle handle = ShmHandle::decode(exported.value->handle());
    handle.descriptor = static_cast<std::uint32_t>(lies);
    const auto attached = peer.attach_in_proc(handle);
    REQUIRE_MESSAGE(attached.value, attached.refusal);
    CHECK(attached.value->pointer()[0] == std::byte{1});
  }
}

TEST_CASE("without SYMMEM_VERIFY the token is not looked at") {
  Side owner, peer(false);
  const auto block = make_block();
  const auto exported = owner.transport->export_block(block);
  CHECK(peer.attach(exported.value->handle(), {1, 3}).value != nullptr);
}

TEST_CASE("memory without a descriptor is not exported") {
  struct Foreign : Block {
    Foreign() : Block({1, 2}, nullptr, 10, {}, -1) {}
  };
  Side owner;
  const auto offer = owner.transport->export_block(std::make_shared<Foreign>());
  CHECK(offer.value == nullptr);
  CHECK(offer.refusal.find("symmem did not allocate it") != std::string::npos);
}

TEST_CASE("a descriptor that could be cut short, or is not as long as announced, is refused") {
  Side owner, peer;
  const Fd open(::memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(::ftruncate(open.get(), 4096) == 0);
  const auto ticket = owner.fds.offer(open.get());
  const auto handle = [&](std::uint64_t bytes) {
    return ShmHandle{owner.fds.address(), ticket->token(), bytes, 0}.encode();
  };
  check_refusal(peer.attach(handle(4096 - Block::kTokenBytes)), "not a memfd sealed");
  REQUIRE(::fcntl(open.get(), F_ADD_SEALS, F_SEAL_SHRINK) == 0);
  for (const std::uint64_t bytes :
       {std::uint64_t{0}, std::uint64_t{4096}, UINT64_MAX, UINT64_MAX - Block::kTokenBytes + 1})
    check_refusal(peer.attach(handle(bytes)), "has 4096 bytes");
  int pipe[2];
  REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
  const Fd read(pipe[0]), write(pipe[1]);
  const auto other = owner.fds.offer(read.get());
  check_refusal(peer.attach(ShmHandle{owner.fds.address(), other->token(), 10, 0}.encode()),
                "not a memfd sealed");
}

TEST_CASE("junk instead of a handle is an error, not a refusal: the peer is broken") {
  Side peer;
  check_error([&] { peer.attach(""); }, Errc::invalid_argument, {"shm handle"});
  check_error([&] { peer.attach(std::string(100, 'x')); }, Errc::invalid_argument, {"shm handle"});
}
