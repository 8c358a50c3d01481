// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ucx/message.hpp"
#include "ucx/progress_driver.hpp"

namespace symmem::ucx {

/// The connection from this Context to a peer Context. There is one endpoint per peer, for all
/// requests. A broken connection is not restored; operations that were in flight may or may not
/// have taken effect at the peer.
class Endpoint {
 public:
  /// `process` is the id of this Context, `number` is the endpoint's number in its engine,
  /// `address` is the address of the peer's worker. `driver` outlives the endpoint. Throws Refusal
  /// if UCX cannot reach the peer.
  Endpoint(ProgressDriver& driver, const Library& ucp, std::uint64_t process, std::uint64_t number,
           const std::string& address);
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  /// Returns the number of the endpoint that created the request number `request`.
  static std::uint64_t number_of(std::uint64_t request) { return request >> kRequestBits; }

  /// Returns whether large puts use RMA. They do not if TCP is the only transport: UCX then
  /// emulates RMA with copies at the target, which are slower than messages and not checked. UCX
  /// 1.13 also aborts the target's process if the target cannot reply to a sender that has died.
  bool puts_by_rma() const { return puts_by_rma_; }

  // The functions from send() to unpack() lock the worker. They throw Error(peer_lost) once the
  // connection is broken.
  /// Sends a message; a long put is split into several messages. Returns when `payload` may be
  /// reused. If `nbi`, returns at once; a payload of more than kSmallPut bytes may be reused after
  /// the next flush.
  void send(Message message, const void* payload, std::size_t bytes, bool nbi, Wait& wait);
  /// Sends a message, waits for the reply and returns its value. Throws Error(refused) if the peer
  /// refused the message.
  std::uint64_t request(Message message, Wait& wait);
  /// Gets the pieces from the block that `message` identifies. Returns when all pieces have arrived
  /// or, if `nbi`, when all pieces are requested.
  void get(Message message, std::span<const GetPiece> pieces, bool nbi, Wait& wait);
  /// Puts with RMA. Returns when `source` may be reused or, if `nbi`, at once.
  void put(std::uint64_t address, ucp_rkey_h key, const void* source, std::size_t bytes, bool nbi,
           Wait& wait);
  /// Gets a few bytes with RMA. Used only to verify a key, not for data: over TCP UCX emulates RMA
  /// gets, and aborts the target's process if the target cannot reply to a reader that has died.
  void read(std::uint64_t address, ucp_rkey_h key, void* target, std::size_t bytes, Wait& wait);
  /// Returns when all earlier RMA operations have taken effect at the peer, so that a later message
  /// does not overtake them.
  void flush_rma(Wait& wait);
  /// Returns when all earlier operations have taken effect at the peer. Throws Error(refused) if
  /// the peer refused one of these operations.
  void flush(Wait& wait);
  /// Flushes all operations and all UCX lanes before the connection is closed: an assertion in UCX
  /// 1.13 fails if a connection is closed while it is being established.
  void drain(Wait& wait);
  /// Unpacks a remote key into `unpacked`. Returns the UCX status.
  ucs_status_t unpack(const std::string& key, ucp_rkey_h& unpacked);

  // The caller of broken(), on_reply() or close() must have locked the worker.
  bool broken() const { return broken_; }
  void on_reply(const Reply& reply, std::string_view payload);
  /// Closes the connection without a flush: all operations in flight complete with errors.
  void close(const std::string& reason);

 private:
  static constexpr int kRequestBits = 40;

  /// One UCX request. The waiting thread and UCX share it until the request completes.
  struct Operation {
    bool done = false;
    bool borrows = false;  ///< True if UCX accesses the caller's memory.
    bool nbi = false;      ///< True if the next flush completes the operation.
    ucs_status_t status = UCS_OK;
    Message message;
    std::vector<std::byte> payload;  ///< Copy of the payload; empty if `borrows`.
    Endpoint* endpoint = nullptr;
    std::shared_ptr<Operation> self;  ///< Set while UCX refers to the operation.
  };
  using OperationPtr = std::shared_ptr<Operation>;
  /// The reply for which one call of request() waits.
  struct PendingReply {
    bool done = false;
    Reply reply;
  };
  /// A group of gets that one wait or one flush completes.
  struct Get {
    std::size_t left = 0;  ///< Number of parts that have not arrived.
    bool refused = false;
  };
  /// The part of a get that one reply delivers.
  struct Part {
    std::byte* target = nullptr;
    std::size_t bytes = 0;
    Get* get = nullptr;
  };

  std::uint64_t next_request() { return ++last_request_; }
  static void on_error(void* self, ucp_ep_h, ucs_status_t status);
  static void on_complete(void* request, ucs_status_t status, void* operation);
  /// Posts one UCX request: calls `call(parameters)`.
  template <typename Call>
  OperationPtr post(OperationPtr operation, std::uint32_t flags, Call call);
  OperationPtr post_message(Message message, const void* payload, std::size_t bytes, bool nbi,
                            Wait& wait, std::unique_lock<std::mutex>& lock);
  /// Posts an RMA put or get: calls `call(parameters)`. Waits for the operation unless `nbi`.
  template <typename Call>
  void post_rma(bool nbi, Wait& wait, Call call);
  void request_parts(Message message, const GetPiece& piece, Get& get, Wait& wait,
                     std::unique_lock<std::mutex>& lock);
  void flush_lanes(std::unique_lock<std::mutex>& lock, Wait& wait);
  void flush_gets(std::unique_lock<std::mutex>& lock, Wait& wait);
  /// Abandons the parts for which `which(part)` is true: later replies for these parts are dropped,
  /// and the caller may reuse their memory.
  template <typename Which>
  void abandon_parts(Which which);
  /// Closes the connection, so that UCX releases the buffers of abandoned operations. UCP cannot
  /// cancel a single request.
  void release_buffers(const std::string& reason, std::unique_lock<std::mutex>& lock);
  void check() const;
  void check(const OperationPtr& operation) const;

  ProgressDriver& driver_;
  const Library& ucp_;
  const std::uint64_t process_;
  // The worker's mutex guards the members below.
  std::uint64_t last_request_;  ///< Upper bits: the endpoint's number; lower kRequestBits: a count.
  ucp_ep_h endpoint_ = nullptr;
  bool puts_by_rma_ = false;
  bool broken_ = false;
  std::string reason_;  ///< Why the connection broke.
  /// Number of RMA puts posted, and number of RMA puts known to have taken effect. flush_rma()
  /// reads both without the mutex, because a thread needs to observe only its own puts.
  std::atomic<std::uint64_t> rma_posted_{0}, rma_flushed_{0};
  std::size_t borrowing_ = 0;  ///< Operations in flight that access the callers' memory.
  /// Operations counted in borrowing_ that the next flush completes.
  std::size_t borrowing_nbi_ = 0;
  std::size_t in_flight_ = 0;  ///< Messages that UCX has not completed locally.
  std::size_t bytes_in_flight_ = 0;
  std::uint64_t sent_ = 0;           ///< Sequence number of the last message.
  std::uint64_t last_to_flush_ = 0;  ///< Sequence number of the last message other than a get.
  std::uint64_t flushed_ = 0;  ///< The peer has executed all messages up to this sequence number.
  /// By request number; each PendingReply is a local variable of request().
  std::map<std::uint64_t, PendingReply*> replies_;
  std::map<std::uint64_t, Part> parts_;  ///< Parts of gets in flight, by request number.
  Get nbi_gets_;
};

}  // namespace symmem::ucx
