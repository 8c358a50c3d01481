// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/check.hpp"
#include "base/refusal.hpp"
#include "peer_descriptor.hpp"
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
  std::shared_ptr<Block> block_;  ///< Keeps the offered descriptor open.
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

/// Throws Refusal if the file could shrink while it is mapped: a load beyond the end of the file
/// would raise SIGBUS in this process. Also throws Refusal if the file size does not match `bytes`.
void check_descriptor(int fd, std::uint64_t bytes) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) fail_errno(errno, "fstat of a peer's memfd");
  const int seals = ::fcntl(fd, F_GET_SEALS);
  refuse_unless(seals != -1 && (seals & F_SEAL_SHRINK) != 0,
                "the peer's descriptor is not a memfd sealed against shrinking");
  const auto size = static_cast<std::uint64_t>(info.st_size);
  refuse_unless(size > Block::kTokenBytes && bytes == size - Block::kTokenBytes,
                "the peer's memfd has {} bytes; the handle announces {} and a token of {}", size,
                bytes, Block::kTokenBytes);
}

/// Returns true if the token after the usable bytes is `block`.
bool has_token(const Fd& fd, const BlockId& block, std::uint64_t bytes) {
  BlockId token;
  return ::pread(fd.get(), &token, sizeof token, static_cast<off_t>(bytes)) == sizeof token &&
         token == block;
}

/// Opens the peer's memfd through /proc, which the kernel permits between processes of one user.
/// Unlike a request to the peer's FdService, this does not need a reply from the peer. The pid and
/// the descriptor number are hints, because the peer may be in another pid namespace. Returns an
/// empty Fd unless the file contains the token of `block`.
Fd open_in_proc(const PeerInfo& peer, const ShmHandle& theirs, const BlockId& block) {
  const std::string path = fmt::format("/proc/{}/fd/{}", peer.process.pid, theirs.descriptor);
  struct stat info {};
  // Call stat before open, because opening a device has side effects.
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
    return offer<Export>([&] {
      refuse_unless(block->descriptor != -1,
                    "the memory has no descriptor: symmem did not allocate it");
      return std::make_shared<ShmExport>(fds_, block);
    });
  }

  Offer<Attachment> attach(const PeerInfo& peer, const BlockId& block, std::string_view handle,
                           std::chrono::milliseconds timeout) override {
    return offer<Attachment>([&] {
      refuse_unless(peer.host_id == host_id_, "another host (id {}, here {})", peer.host_id,
                    host_id_);
      const ShmHandle theirs = ShmHandle::decode(handle);
      Fd fd = open_in_proc(peer, theirs, block);
      const bool verified = bool(fd);
      if (!verified) fd = fetch_peer_descriptor(theirs.address, theirs.token, timeout);
      check_descriptor(fd.get(), theirs.bytes);
      refuse_unless(verified || !verify_ || has_token(fd, block, theirs.bytes),
                    "the peer's memfd is not the requested block (token differs)");
      return map(fd, theirs.bytes);
    });
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
