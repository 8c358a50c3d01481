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
#include "base/random.hpp"
#include "base/wire.hpp"
#include "fd_service/fd_message.hpp"
#include "fd_service/unix_socket.hpp"

namespace symmem {
namespace {

namespace fs = std::filesystem;

/// The refusal that a service sends if no descriptor is free to accept a connection. Clients
/// compare refusals with this text.
constexpr std::string_view kNoDescriptors =
    "it has as many descriptors open as its limit (RLIMIT_NOFILE, `ulimit -n`) allows";
/// Time after which a client that has sent no request is disconnected. It is also the period at
/// which drop_silent() runs.
constexpr std::chrono::seconds kSilence{5};
/// Maximum number of connected clients; further clients wait in the listen queue.
constexpr std::size_t kMaxClients = 256;

constexpr std::string_view kPrefix = "symmem-";
constexpr std::string_view kSuffix = ".sock";
/// kUnserved is the suffix of a socket that does not listen yet. At the age kMaxUnservedAge, the
/// process that created the socket is assumed to be dead.
constexpr std::string_view kUnserved = ".sock.new";
constexpr std::chrono::minutes kMaxUnservedAge{1};

/// Returns whether `entry` has the name of an FdService socket that listens if its process is
/// alive.
bool is_service_socket(const fs::directory_entry& entry) {
  const std::string file = entry.path().filename();
  if (!file.starts_with(kPrefix)) return false;
  if (entry.path().native().size() >= sizeof(sockaddr_un::sun_path)) return false;
  if (file.ends_with(kSuffix)) return true;
  std::error_code error;
  const auto made = entry.last_write_time(error);
  return file.ends_with(kUnserved) && !error &&
         made < fs::file_time_type::clock::now() - kMaxUnservedAge;
}

/// Removes the sockets in `dir` whose processes no longer exist.
void remove_dead_sockets(const fs::path& dir) {
  std::error_code ignored;
  for (fs::directory_iterator at(dir, ignored), end; at != end; at.increment(ignored)) {
    if (!is_service_socket(*at)) continue;
    const Fd probe = make_unix_socket();
    const UnixAddress address(at->path());
    if (::connect(probe.get(), address.get(), address.length) != 0 && errno == ECONNREFUSED)
      fs::remove(at->path(), ignored);
  }
}

/// Creates the socket directory if it is missing, and checks its owner and mode. Only this user may
/// access the directory, so that no other user can replace a socket.
void check_socket_dir(const std::string& dir) {
  struct stat info {};
  if (::mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST)
    fail_errno(errno, fmt::format("SYMMEM_SOCKET_DIR: mkdir \"{}\"", dir));
  if (::stat(dir.c_str(), &info) != 0)
    fail_errno(errno, fmt::format("SYMMEM_SOCKET_DIR: stat \"{}\"", dir));
  require(S_ISDIR(info.st_mode) && info.st_uid == ::geteuid() && (info.st_mode & 077) == 0,
          Errc::invalid_argument,
          "SYMMEM_SOCKET_DIR \"{}\" must be a directory that this user owns and that has mode "
          "0700 (its mode is {:o})",
          dir, info.st_mode & 07777);
}

/// Waits until `fd` is ready for `events`. At the deadline, throws Error(timeout) with `address`.
void wait_ready(int fd, short events, const Deadline& deadline, const std::string& address) {
  pollfd entry{fd, events, 0};
  while (::poll(&entry, 1, deadline.remaining_for_poll()) <= 0)
    require(
        !deadline.expired(), Errc::timeout,
        "the process that serves descriptors at {} did not answer within {} ms (is it stopped?)",
        address, deadline.timeout().count());
}

void connect(int fd, const std::string& address, const Deadline& deadline) {
  const UnixAddress to(address);
  while (::connect(fd, to.get(), to.length) != 0) {
    const int error = errno;
    if (error == EINTR) continue;
    // EAGAIN means that the listen queue is full. No event reports free space, so wait 1 ms and
    // retry.
    require(
        error != EAGAIN || !deadline.expired(), Errc::timeout,
        "the process that serves descriptors at {} did not accept a connection within {} ms (is it "
        "stopped?)",
        address, deadline.timeout().count());
    require(
        error == EAGAIN, Errc::refused,
        "no process serves descriptors at {} ({}): the process has ended, or it runs in another "
        "network namespace (in this case set SYMMEM_SOCKET_DIR to a directory that both processes "
        "can access)",
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
  // Rename the socket after listen(), because other processes remove a socket that has a final name
  // but does not listen.
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
  if (!spare_) fail_errno(errno, "cannot reserve a descriptor");
  // Initialize these members on the loop's thread, which is the only thread that accesses them. A
  // client may connect immediately.
  loop_.run([this] {
    listen();
    sweeping_ = loop_.every(kSilence, [this] { drop_silent(); });
  });
}

FdService::~FdService() {
  loop_.run([this] {
    connecting_.reset();
    sweeping_.reset();
    clients_.clear();
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
  if (fork_.forked()) return;  // A thread of the parent may have held the mutex at fork.
  const std::lock_guard lock(offers_->mutex);
  offers_->descriptors.erase(token_);
}

void FdService::listen() {
  if (!connecting_) connecting_ = loop_.watch(socket_.get(), [this] { accept(); });
}

void FdService::accept() {
  while (true) {
    Fd client;
    if (clients_.size() < kMaxClients)
      client = Fd(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client) {
      int error = clients_.size() < kMaxClients ? errno : EBUSY;
      if (error == EMFILE || error == ENFILE) error = refuse_for_lack_of_descriptors();
      if (error == 0) continue;
      // Queued clients keep the socket readable, so stop watching the socket until a client is
      // removed or drop_silent() runs.
      if (error != EAGAIN) connecting_.reset();
      return;
    }
    if (!same_user(client.get())) continue;
    const int fd = client.get();
    try {
      Client& entry = clients_[fd];
      entry.socket = std::move(client);
      entry.since = std::chrono::steady_clock::now();
      entry.readable = loop_.watch(fd, [this, fd] { reply(fd); });
    } catch (const std::exception&) {
      clients_.erase(fd);  // Out of memory or epoll watches: drop only this client.
    }
  }
}

int FdService::refuse_for_lack_of_descriptors() {
  spare_ = Fd();
  Fd client(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  const int error = client ? 0 : errno;
  if (client) {
    // Discard the request, even if it arrives later: unread data would reset the connection, and
    // the client would not receive the reply.
    ::shutdown(client.get(), SHUT_RD);
    static_cast<void>(receive_with_fd(client.get(), 1));
    if (same_user(client.get()))
      static_cast<void>(send_with_fd(client.get(), fd_message::encode_reply(kNoDescriptors), -1));
    client = Fd();
  }
  spare_ = Fd(::fcntl(socket_.get(), F_DUPFD_CLOEXEC, 0));
  return error;
}

void FdService::reply(int client) {
  const Received request = receive_with_fd(client, fd_message::kRequestRoom);
  if (const auto token = fd_message::decode_request(request.bytes)) {
    const std::lock_guard lock(offers_->mutex);
    const auto found = offers_->descriptors.find(std::string(*token));
    std::string refusal;
    if (found == offers_->descriptors.end()) refusal = "unknown or expired token";
    // If the send fails, the client receives no reply and detects the close of the connection
    // below.
    static_cast<void>(send_with_fd(client, fd_message::encode_reply(refusal),
                                   refusal.empty() ? found->second : -1));
  }
  clients_.erase(client);
  listen();  // Accept queued clients, if the limit was reached.
}

void FdService::drop_silent() {
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(clients_, [&](const auto& entry) { return now - entry.second.since > kSilence; });
  listen();
}

Fd fetch_fd(const std::string& address, const std::string& token,
            std::chrono::milliseconds timeout) {
  const Deadline deadline = Deadline::in(timeout, timeout);
  const Fd socket = make_unix_socket();
  connect(socket.get(), address, deadline);
  require(same_user(socket.get()), Errc::refused,
          "the process that serves descriptors at {} runs as another user", address);
  // Ignore a failed send: a service without a free descriptor replies without reading the request.
  static_cast<void>(send_with_fd(socket.get(), fd_message::encode_request(token), -1));
  wait_ready(socket.get(), POLLIN, deadline, address);
  Received reply = receive_with_fd(socket.get(), fd_message::kReplyRoom);
  const auto refusal = fd_message::decode_reply(reply.bytes);
  require(refusal.has_value(), Errc::refused,
          "the process that serves descriptors at {} closed the connection", address);
  require(!reply.cut || reply.fd, Errc::exhausted,
          "cannot receive the descriptor from {}: this process has reached its limit of open "
          "descriptors (RLIMIT_NOFILE, `ulimit -n`)",
          address);
  require(bool(reply.fd), *refusal == kNoDescriptors ? Errc::exhausted : Errc::refused,
          "the process that serves descriptors at {} refused: {}", address, *refusal);
  return std::move(reply.fd);
}

}  // namespace symmem
