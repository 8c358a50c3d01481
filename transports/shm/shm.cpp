// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "base/check.hpp"
#include "base/fd_service.hpp"
#include "shm/factory.hpp"
#include "shm/handle.hpp"

namespace symmem::shm {
namespace {

class ShmExport : public Export {
 public:
  ShmExport(FdService& fds, std::shared_ptr<Block> block)
      : block_(std::move(block)),
        ticket_(fds.offer(block_->descriptor)),
        handle_{fds.address(), ticket_->token(), block_->bytes} {}
  std::string handle() const override { return handle_.encode(); }

 private:
  std::shared_ptr<Block> block_;  ///< Keeps open the descriptor that is on offer.
  std::unique_ptr<FdService::Ticket> ticket_;
  ShmHandle handle_;
};

class ShmAttachment : public Attachment {
 public:
  ShmAttachment(std::byte* at, std::size_t bytes) : at_(at), bytes_(bytes) {}
  ~ShmAttachment() override { ::munmap(at_, bytes_ + Block::kTokenBytes); }
  std::byte* pointer() const override { return at_; }
  std::size_t bytes() const override { return bytes_; }

 private:
  std::byte* at_;
  std::size_t bytes_;
};

/// Makes sure that `fd` can be mapped and never be cut short under us; a read behind the end of a
/// file is a SIGBUS, which no one can catch.
void check_descriptor(int fd, std::uint64_t bytes) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) fail_errno(errno, "fstat of a peer's memfd");
  const int seals = ::fcntl(fd, F_GET_SEALS);
  require(seals != -1 && (seals & F_SEAL_SHRINK) != 0, Errc::refused,
          "the peer's descriptor is not a memfd sealed against shrinking");
  const auto size = static_cast<std::uint64_t>(info.st_size);
  require(size > Block::kTokenBytes && bytes == size - Block::kTokenBytes, Errc::refused,
          "the peer's memfd has {} bytes; {} and {} of token were announced", size, bytes,
          Block::kTokenBytes);
}

std::shared_ptr<Attachment> map(const Fd& fd, const BlockId& block, std::size_t bytes,
                                bool verify) {
  void* at =
      ::mmap(nullptr, bytes + Block::kTokenBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (at == MAP_FAILED) fail_errno(errno, fmt::format("mmap of {} bytes of a peer's memfd", bytes));
  auto attachment = std::make_shared<ShmAttachment>(static_cast<std::byte*>(at), bytes);
  require(!verify || std::memcmp(attachment->pointer() + bytes, &block, sizeof block) == 0,
          Errc::refused, "the mapped memory is not the block that was asked for (token differs)");
  return attachment;
}

class ShmTransport : public Transport {
 public:
  explicit ShmTransport(const TransportEnvironment& environment)
      : fds_(environment.fds), host_id_(environment.host_id), verify_(environment.options.verify) {}

  std::string_view name() const override { return "shm"; }

  Offer<Export> export_block(const std::shared_ptr<Block>& block) override {
    if (block->descriptor == -1)
      return Offer<Export>::refuse(
          "the memory has no descriptor to pass: symmem did not allocate it");
    return {std::make_shared<ShmExport>(fds_, block), {}};
  }

  Offer<Attachment> attach(const PeerInfo& peer, const BlockId& block, std::string_view handle,
                           std::chrono::milliseconds timeout) override {
    if (peer.host_id != host_id_)
      return Offer<Attachment>::refuse(
          fmt::format("another host (id {}, here {})", peer.host_id, host_id_));
    const ShmHandle theirs = ShmHandle::decode(handle);
    try {
      const Fd fd = fetch_fd(theirs.address, theirs.token, timeout);
      check_descriptor(fd.get(), theirs.bytes);
      return {map(fd, block, theirs.bytes, verify_), {}};
    } catch (const Error& e) {
      // "Same host" was a hint that proved wrong; another transport may do.
      if (e.code() == Errc::refused) return Offer<Attachment>::refuse(e.what());
      throw;
    }
  }

 private:
  FdService& fds_;
  const std::string host_id_;
  const bool verify_;
};

}  // namespace

std::vector<std::shared_ptr<Transport>> make_transports(const TransportEnvironment& environment) {
  return {std::make_shared<ShmTransport>(environment)};
}

}  // namespace symmem::shm
