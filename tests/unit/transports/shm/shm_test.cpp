// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "base/log.hpp"
#include "blocks/host_block.hpp"
#include "fd_service/fd_service.hpp"
#include "fd_service/unix_socket.hpp"
#include "harness/errors.hpp"
#include "harness/resources.hpp"
#include "shm/factory.hpp"
#include "shm/handle.hpp"

using namespace symmem;
using namespace symmem::harness;
using symmem::shm::ShmHandle;

namespace {

constexpr std::chrono::seconds kAmple{60};
/// No process has this pid, so the transport must request descriptors from the FdService.
constexpr std::int64_t kNobody = -1;

Options with_verify(bool verify) {
  Options options;
  options.verify = verify;
  return options;
}

/// The services and the transport of one process.
struct Side {
  explicit Side(bool verify = true) : options(with_verify(verify)) {}
  Offer<Attachment> attach(const std::string& handle, BlockId id = {1, 2},
                           const std::string& host = "host",
                           std::chrono::milliseconds timeout = kAmple) {
    return transport->attach({3, {"host", kNobody, 5}, host}, id, handle, timeout);
  }
  /// Attaches memory of this process, whose descriptors the transport can open through /proc.
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

TEST_CASE("a write to a block or to its attachment is visible in both, up to the last byte") {
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

TEST_CASE("an attachment stays valid after the export, the block and the owner are destroyed") {
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

TEST_CASE("attach refuses a block that cannot be reached and gives the reason") {
  Side owner, peer;
  const auto block = make_block();
  auto exported = owner.transport->export_block(block);
  const std::string handle = exported.value->handle();
  check_refusal(peer.attach(handle, {1, 2}, "elsewhere"), "another host (id elsewhere, here host)");
  check_refusal(peer.attach(handle, {1, 3}), "token differs");
  exported.value.reset();
  check_refusal(peer.attach(handle), "unknown or expired token");
  ShmHandle nobody = ShmHandle::decode(handle);
  nobody.address = "@symmem-nobody";
  check_refusal(peer.attach(nobody.encode()), "no process serves");
}

TEST_CASE("a block that can be opened through /proc is attached without a request to the owner") {
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

TEST_CASE(
    "a descriptor in /proc that is not the block is ignored, and the block is fetched from the "
    "owner") {
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
  for (const int wrong : {other->descriptor, read.get(), file.get(), closed, -1}) {
    ShmHandle handle = ShmHandle::decode(exported.value->handle());
    handle.descriptor = static_cast<std::uint32_t>(wrong);
    const auto attached = peer.attach_in_proc(handle);
    REQUIRE_MESSAGE(attached.value, attached.refusal);
    CHECK(attached.value->pointer()[0] == std::byte{1});
  }
}

TEST_CASE("attach does not check the token if SYMMEM_VERIFY is off") {
  Side owner, peer(false);
  const auto block = make_block();
  const auto exported = owner.transport->export_block(block);
  CHECK(peer.attach(exported.value->handle(), {1, 3}).value != nullptr);
}

TEST_CASE("export refuses memory without a descriptor") {
  struct Foreign : Block {
    Foreign() : Block({1, 2}, nullptr, 10, {}, -1) {}
  };
  Side owner;
  const auto offer = owner.transport->export_block(std::make_shared<Foreign>());
  CHECK(offer.value == nullptr);
  CHECK(offer.refusal.find("symmem did not allocate it") != std::string::npos);
}

TEST_CASE("attach refuses a file that can shrink or whose size differs from the announced size") {
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

TEST_CASE("a wrong token is refused; a malformed handle and a silent service are errors") {
  Side owner, peer;
  const auto exported = owner.transport->export_block(make_block());
  const std::string good = exported.value->handle();
  check_refusal(peer.attach(good, {1, 3}), "token differs");
  for (const std::string& bad :
       {std::string(), std::string(100, 'x'), good + "x", good.substr(0, good.size() - 1)})
    check_error([&] { peer.attach(bad); }, Errc::invalid_argument, {"shm handle"});
  ShmHandle silent = ShmHandle::decode(good);
  silent.address = "@symmem-silent-" + std::to_string(::getpid());
  const Fd listener = make_unix_socket();
  const UnixAddress at(silent.address);
  REQUIRE(::bind(listener.get(), at.get(), at.length) == 0);
  REQUIRE(::listen(listener.get(), 1) == 0);
  const std::chrono::milliseconds soon{10};
  check_error(
      [&] {
        peer.attach(silent.encode(), {1, 2}, "host", soon);
      },
      Errc::timeout, {silent.address, "did not answer within 10 ms"});
}
