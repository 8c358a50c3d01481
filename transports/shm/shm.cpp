// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/check.hpp"
#include "fd_service/fd_service.hpp"
#include "shm/factory.hpp"
#include "shm/handle.hpp"

namespace symmem::shm {
namespace {

class ShmExport : public Export {
 public:
  ShmExport(FdService& fds, std::shared_ptr<Block> block)
      : block_(std::move(block)),
        ticket_(fds.offer(block_->descriptor)),
        handle_{fds.address(), ticket_->token(), block_->bytes,
                static_cast<std::uint32_t>(block_->descriptor)} {}
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

/// Whether the token behind the block's usable bytes is that of `block`.
bool has_token(const Fd& fd, const BlockId& block, std::uint64_t bytes) {
  BlockId token;
  return ::pread(fd.get(), &token, sizeof token, static_cast<off_t>(bytes)) == sizeof token &&
         token == block;
}

/// The peer's memfd by way of /proc: without a word to its process, which costs two switches and
/// waits while it is busy. The kernel lets processes of the same user do so. Pid and number are
/// hints, from what may be another pid namespace; what lies there must prove to be the block, else
/// nothing is returned.
Fd open_in_proc(const PeerInfo& peer, const ShmHandle& theirs, const BlockId& block) {
  const std::string path = fmt::format("/proc/{}/fd/{}", peer.process.pid, theirs.descriptor);
  struct stat info {};
  // Looked at before it is opened, which does things to devices, say.
  if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode) ||
      static_cast<std::uint64_t>(info.st_size) != theirs.bytes + Block::kTokenBytes ||
      (info.st_uid != ::geteuid() && info.st_uid != 0))
    return {};
  Fd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  return fd && has_token(fd, block, theirs.bytes) ? std::move(fd) : Fd();
}

std::shared_ptr<Attachment> map(const Fd& fd, std::size_t bytes) {
  void* at =
      ::mmap(nullptr, bytes + Block::kTokenBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (at == MAP_FAILED) fail_errno(errno, fmt::format("mmap of {} bytes of a peer's memfd", bytes));
  return std::make_shared<ShmAttachment>(static_cast<std::byte*>(at), bytes);
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
      Fd fd = open_in_proc(peer, theirs, block);
      const bool proven = bool(fd);
      if (!proven) fd = fetch_fd(theirs.address, theirs.token, timeout);
      check_descriptor(fd.get(), theirs.bytes);
      require(proven || !verify_ || has_token(fd, block, theirs.bytes), Errc::refused,
              "the peer's memfd is not the block that was asked for (token differs)");
      return {map(fd, theirs.bytes), {}};
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
