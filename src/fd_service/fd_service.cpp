// SPDX-License-Identifier: Apache-2.0
#include "fd_service/fd_service.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/check.hpp"
#include "base/deadline.hpp"
#include "fd_service/fd_message.hpp"
#include "base/random.hpp"
#include "fd_service/unix_socket.hpp"
#include "base/wire.hpp"

namespace symmem {
namespace {

namespace fs = std::filesystem;

/// The refusal of a process that cannot even accept; the asker knows it by this text.
constexpr std::string_view kNoDescriptors =
    "it has as many descriptors open as its limit (RLIMIT_NOFILE, `ulimit -n`) allows";
/// An asker that says nothing is dropped after this long; a sweep runs as often.
constexpr std::chrono::seconds kSilence{5};
/// Askers at once; more wait in the listen queue.
constexpr std::size_t kMaxCallers = 256;

constexpr std::string_view kPrefix = "symmem-";
constexpr std::string_view kSuffix = ".sock";
/// Of a socket that is not served yet, and by when it is.
constexpr std::string_view kUnserved = ".sock.new";
constexpr std::chrono::minutes kServedBy{1};

/// Whether it has the name of a socket that a service with a path serves, or should by now.
bool is_socket_of_ours(const fs::directory_entry& entry) {
  const std::string file = entry.path().filename();
  if (!file.starts_with(kPrefix)) return false;
  if (entry.path().native().size() >= sizeof(sockaddr_un::sun_path)) return false;
  if (file.ends_with(kSuffix)) return true;
  std::error_code error;
  const auto made = entry.last_write_time(error);
  return file.ends_with(kUnserved) && !error && made < fs::file_time_type::clock::now() - kServedBy;
}

/// Removes sockets in `dir` that nobody serves any more: their process was killed.
void remove_dead_sockets(const fs::path& dir) {
  std::error_code ignored;
  for (fs::directory_iterator at(dir, ignored), end; at != end; at.increment(ignored)) {
    if (!is_socket_of_ours(*at)) continue;
    const Fd probe = make_unix_socket();
    const UnixAddress address(at->path());
    if (::connect(probe.get(), address.get(), address.length) != 0 && errno == ECONNREFUSED)
      fs::remove(at->path(), ignored);
  }
}

/// The directory for sockets with a path: ours alone, so that nobody can put a socket in our place.
void check_socket_dir(const std::string& dir) {
  struct stat info {};
  if (::mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST)
    fail_errno(errno, fmt::format("SYMMEM_SOCKET_DIR: mkdir \"{}\"", dir));
  if (::stat(dir.c_str(), &info) != 0)
    fail_errno(errno, fmt::format("SYMMEM_SOCKET_DIR: stat \"{}\"", dir));
  require(S_ISDIR(info.st_mode) && info.st_uid == ::geteuid() && (info.st_mode & 077) == 0,
          Errc::invalid_argument,
          "SYMMEM_SOCKET_DIR \"{}\" must be a directory of this user that no other can enter (mode "
          "0700, is {:o})",
          dir, info.st_mode & 07777);
}

/// Waits until `fd` is ready for `events`.
void wait_ready(int fd, short events, const Deadline& deadline, const std::string& address) {
  pollfd entry{fd, events, 0};
  while (::poll(&entry, 1, deadline.remaining_for_poll()) <= 0)
    require(!deadline.expired(), Errc::timeout,
            "the process that serves descriptors at {} did not answer within {} ms (stopped?)",
            address, deadline.timeout().count());
}

void connect(int fd, const std::string& address, const Deadline& deadline) {
  const UnixAddress to(address);
  while (::connect(fd, to.get(), to.length) != 0) {
    const int error = errno;
    if (error == EINTR) continue;
    // EAGAIN: its listen queue is full. There is no event to wait for; yield to those in it.
    require(error != EAGAIN || !deadline.expired(), Errc::timeout,
            "the process that serves descriptors at {} took no connection within {} ms (stopped?)",
            address, deadline.timeout().count());
    require(
        error == EAGAIN, Errc::refused,
        "nobody serves descriptors at {} ({}): the process ended, or it lives in another network "
        "namespace (then set SYMMEM_SOCKET_DIR to a folder that both share)",
        address, std::generic_category().message(error));
    ::poll(nullptr, 0, 1);
  }
}

}  // namespace

FdService::FdService(EventLoop& loop, const std::string& socket_dir) : loop_(loop) {
  const std::string name = std::string(kPrefix) + to_hex(random_bytes(16)) + std::string(kSuffix);
  if (!socket_dir.empty()) {
    check_socket_dir(socket_dir);
    remove_dead_sockets(socket_dir);
    path_ = fs::path(socket_dir) / name;
  }
  address_ = path_.empty() ? "@" + name : path_;
  // A path gets its name once it is served: before, another process would take it for a dead one.
  const std::string first = path_.empty() ? address_ : path_ + ".new";
  const UnixAddress address(first);
  socket_ = make_unix_socket();
  if (::bind(socket_.get(), address.get(), address.length) != 0 ||
      ::listen(socket_.get(), SOMAXCONN) != 0 ||
      (!path_.empty() && ::rename(first.c_str(), path_.c_str()) != 0)) {
    const int error = errno;
    if (!path_.empty()) ::unlink(first.c_str());
    fail_errno(error, "cannot serve descriptors at " + address_);
  }
  spare_ = Fd(::fcntl(socket_.get(), F_DUPFD_CLOEXEC, 0));
  if (!spare_) fail_errno(errno, "a spare descriptor");
  // In the loop, as all that touches these: an asker may come before the watch is kept here.
  loop_.run([this] {
    listen();
    sweeping_ = loop_.every(kSilence, [this] { drop_silent(); });
  });
}

FdService::~FdService() {
  loop_.run([this] {
    connecting_.reset();
    sweeping_.reset();
    callers_.clear();
  });
  remove_path();
}

void FdService::remove_path() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

std::unique_ptr<FdService::Ticket> FdService::offer(int fd) {
  return std::make_unique<Ticket>(offers_, fd);
}

FdService::Ticket::Ticket(std::shared_ptr<Offers> offers, int fd)
    : offers_(std::move(offers)), token_(random_bytes(fd_message::kTokenBytes)) {
  const std::lock_guard lock(offers_->mutex);
  offers_->descriptors[token_] = fd;
}

FdService::Ticket::~Ticket() {
  if (fork_.forked()) return;  // The offer is the parent's, and so may be its lock.
  const std::lock_guard lock(offers_->mutex);
  offers_->descriptors.erase(token_);
}

void FdService::listen() {
  if (!connecting_) connecting_ = loop_.watch(socket_.get(), [this] { accept(); });
}

void FdService::accept() {
  while (true) {
    Fd caller;
    if (callers_.size() < kMaxCallers)
      caller = Fd(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!caller) {
      int error = callers_.size() < kMaxCallers ? errno : EBUSY;
      if (error == EMFILE || error == ENFILE) error = turn_away();
      if (error == 0) continue;
      // Those who wait make the socket readable without end, so it is not watched until a caller or
      // the sweep is done.
      if (error != EAGAIN) connecting_.reset();
      return;
    }
    if (!same_user(caller.get())) continue;
    const int fd = caller.get();
    try {
      Caller& entry = callers_[fd];
      entry.socket = std::move(caller);
      entry.since = std::chrono::steady_clock::now();
      entry.readable = loop_.watch(fd, [this, fd] { answer(fd); });
    } catch (const std::exception&) {
      callers_.erase(fd);  // Out of memory or of epoll watches: not the end of all others.
    }
  }
}

int FdService::turn_away() {
  spare_ = Fd();
  Fd caller(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  const int error = caller ? 0 : errno;
  if (caller) {
    // What it asks must not come after we looked: unread, it would take the place of our answer.
    ::shutdown(caller.get(), SHUT_RD);
    static_cast<void>(receive_with_fd(caller.get(), 1));
    if (same_user(caller.get()))
      static_cast<void>(send_with_fd(caller.get(), fd_message::encode_reply(kNoDescriptors), -1));
    caller = Fd();
  }
  spare_ = Fd(::fcntl(socket_.get(), F_DUPFD_CLOEXEC, 0));
  return error;
}

void FdService::answer(int caller) {
  const Received request = receive_with_fd(caller, fd_message::kRequestRoom);
  if (const auto token = fd_message::decode_request(request.bytes)) {
    const std::lock_guard lock(offers_->mutex);
    const auto found = offers_->descriptors.find(std::string(*token));
    std::string refusal;
    if (found == offers_->descriptors.end()) refusal = "it has no such memory (any more)";
    // A failed send shows at the asker, whose socket closes with the entry.
    static_cast<void>(send_with_fd(caller, fd_message::encode_reply(refusal),
                                   refusal.empty() ? found->second : -1));
  }
  callers_.erase(caller);
  listen();  // To those who were beyond the limit.
}

void FdService::drop_silent() {
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(callers_, [&](const auto& entry) { return now - entry.second.since > kSilence; });
  listen();
}

Fd fetch_fd(const std::string& address, const std::string& token,
            std::chrono::milliseconds timeout) {
  const Deadline deadline = Deadline::in(timeout, timeout);
  const Fd socket = make_unix_socket();
  connect(socket.get(), address, deadline);
  require(same_user(socket.get()), Errc::refused, "{} is served by another user", address);
  // Whoever refuses all does not wait for it: what counts is the reply.
  static_cast<void>(send_with_fd(socket.get(), fd_message::encode_request(token), -1));
  wait_ready(socket.get(), POLLIN, deadline, address);
  Received reply = receive_with_fd(socket.get(), fd_message::kReplyRoom);
  const auto refusal = fd_message::decode_reply(reply.bytes);
  require(refusal.has_value(), Errc::refused,
          "the process that serves descriptors at {} closed the connection", address);
  require(!reply.cut || reply.fd, Errc::exhausted,
          "the descriptor that {} sent finds no room: this process has as many open as its limit "
          "(RLIMIT_NOFILE, `ulimit -n`) allows",
          address);
  require(bool(reply.fd), *refusal == kNoDescriptors ? Errc::exhausted : Errc::refused,
          "the process that serves descriptors at {} refused: {}", address, *refusal);
  return std::move(reply.fd);
}

}  // namespace symmem
