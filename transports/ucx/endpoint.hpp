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

/// The one connection to a peer Context, for all requests of this Context to it. A broken
/// connection stays broken; operations in flight at that time may or may not have taken effect at
/// the peer.
class Endpoint {
 public:
  /// `process` is the id of this Context, `number` the endpoint's number in its engine, `address`
  /// that of the peer's worker. `driver` outlives it. Throws Refusal if UCX does not reach it.
  Endpoint(ProgressDriver& driver, const Library& ucp, std::uint64_t process, std::uint64_t number,
           const std::string& address);
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  /// Returns the number of the endpoint that made `request`.
  static std::uint64_t number_of(std::uint64_t request) { return request >> kRequestBits; }

  /// Returns whether large puts use RMA. Not over TCP alone: there UCX copies at the target as
  /// well, slower than messages do and unchecked, and UCX 1.13 ends the target's process when it
  /// cannot reply to a sender that has died.
  bool puts_by_rma() const { return puts_by_rma_; }

  // Each of these locks the worker. Each throws Error(peer_lost) once the connection is broken.
  /// Sends a message, or several for a long put. Returns when `payload` may be reused. If `nbi`, it
  /// returns at once, and a payload of more than kSmallPut bytes may be reused after the next
  /// flush.
  void send(Message message, const void* payload, std::size_t bytes, bool nbi, Wait& wait);
  /// Sends a message and returns the value of its reply. Throws Error(refused) if the peer refused.
  std::uint64_t request(Message message, Wait& wait);
  /// Gets the pieces from the block that `message` names. Returns when all have arrived or, if
  /// `nbi`, when all are requested.
  void get(Message message, std::span<const GetPiece> pieces, bool nbi, Wait& wait);
  /// Puts by RMA. Returns when `source` may be reused or, if `nbi`, at once.
  void put(std::uint64_t address, ucp_rkey_h key, const void* source, std::size_t bytes, bool nbi,
           Wait& wait);
  /// Gets a few bytes by RMA. Not for data: over TCP UCX emulates it, and ends the target's process
  /// when it cannot reply to a reader that has died.
  void read(std::uint64_t address, ucp_rkey_h key, void* target, std::size_t bytes, Wait& wait);
  /// Returns when all earlier RMA has taken effect at the peer, so that a message does not overtake
  /// it.
  void flush_rma(Wait& wait);
  /// Returns when all earlier operations have taken effect. Throws Error(refused) if the peer
  /// refused one of them.
  void flush(Wait& wait);
  /// Flushes for the last time, every UCX lane included: UCX 1.13 asserts if a connection is closed
  /// while it is being made.
  void drain(Wait& wait);
  /// Unpacks a remote key into `unpacked`, and returns the status of UCX.
  ucs_status_t unpack(const std::string& key, ucp_rkey_h& unpacked);

  // The caller has locked the worker.
  bool broken() const { return broken_; }
  void on_reply(const Reply& reply, std::string_view payload);
  /// Closes the connection by force: all operations in flight complete, with errors.
  void close(const std::string& reason);

 private:
  static constexpr int kRequestBits = 40;

  /// One UCX request. Shared by UCX, until the request completes, and by the thread that waits.
  struct Operation {
    bool done = false;
    bool borrows = false;  ///< It accesses the caller's memory.
    bool nbi = false;      ///< Completed by the next flush.
    ucs_status_t status = UCS_OK;
    Message message;
    std::vector<std::byte> payload;  ///< A copy, unless it borrows.
    Endpoint* endpoint = nullptr;
    std::shared_ptr<Operation> self;  ///< Set while UCX holds the operation.
  };
  using OperationPtr = std::shared_ptr<Operation>;
  /// The reply that one request() waits for.
  struct PendingReply {
    bool done = false;
    Reply reply;
  };
  /// Gets that one wait or flush completes together.
  struct Get {
    std::size_t left = 0;  ///< Parts that have not arrived.
    bool refused = false;
  };
  /// The part of a get that one reply carries.
  struct Part {
    std::byte* target = nullptr;
    std::size_t bytes = 0;
    Get* get = nullptr;
  };

  std::uint64_t next_request() { return ++last_request_; }
  static void on_error(void* self, ucp_ep_h, ucs_status_t status);
  static void on_complete(void* request, ucs_status_t status, void* operation);
  /// Posts one UCX request by `call(parameters)`.
  template <typename Call>
  OperationPtr post(OperationPtr operation, std::uint32_t flags, Call call);
  OperationPtr post_message(Message message, const void* payload, std::size_t bytes, bool nbi,
                            Wait& wait, std::unique_lock<std::mutex>& lock);
  /// Posts a put or get of RMA by `call(parameters)`; completes it unless `nbi`.
  template <typename Call>
  void post_rma(bool nbi, Wait& wait, Call call);
  void request_parts(Message message, const GetPiece& piece, Get& get, Wait& wait,
                     std::unique_lock<std::mutex>& lock);
  void flush_lanes(std::unique_lock<std::mutex>& lock, Wait& wait);
  void flush_gets(std::unique_lock<std::mutex>& lock, Wait& wait);
  /// Abandons the parts for which `which(part)` holds: their replies are dropped, and their memory
  /// is the caller's again.
  template <typename Which>
  void abandon_parts(Which which);
  /// Reclaims the buffers of abandoned operations by closing the connection; UCP cannot cancel a
  /// single request.
  void release_buffers(const std::string& reason, std::unique_lock<std::mutex>& lock);
  void check() const;
  void check(const OperationPtr& operation) const;

  ProgressDriver& driver_;
  const Library& ucp_;
  const std::uint64_t process_;
  // All below is guarded by the worker's mutex.
  std::uint64_t last_request_;  ///< The endpoint's number, followed by a count in kRequestBits.
  ucp_ep_h endpoint_ = nullptr;
  bool puts_by_rma_ = false;
  bool broken_ = false;
  std::string reason_;  ///< Why it broke.
  /// RMA operations posted, and those known to have taken effect. Read without the mutex by threads
  /// that need to see their own puts only.
  std::atomic<std::uint64_t> rma_posted_{0}, rma_flushed_{0};
  std::size_t borrowing_ = 0;      ///< Operations in flight that access callers' memory.
  std::size_t borrowing_nbi_ = 0;  ///< Those of them that the next flush completes.
  std::size_t in_flight_ = 0;      ///< Messages that UCX has not completed locally.
  std::size_t bytes_in_flight_ = 0;
  std::uint64_t sent_ = 0;           ///< Sequence of the last message.
  std::uint64_t last_to_flush_ = 0;  ///< Sequence of the last message that is no get.
  std::uint64_t flushed_ = 0;        ///< The peer has executed all messages up to this.
  std::map<std::uint64_t, PendingReply*> replies_;  ///< By request; each lives in request().
  std::map<std::uint64_t, Part> parts_;             ///< Parts of gets in flight, by request.
  Get nbi_gets_;
};

}  // namespace symmem::ucx
