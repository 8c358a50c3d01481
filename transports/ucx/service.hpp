// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "gpu/gpu.hpp"
#include "symmem/extend/block.hpp"
#include "ucx/message.hpp"
#include "ucx/worker.hpp"

namespace symmem::ucx {

/// Executes the peers' messages on this Context's blocks. Checks each message against the ranges
/// that are open when it is executed; a message outside these ranges is refused and counted.
class Service {
 public:
  using Payload = std::pair<const void*, std::size_t>;

  /// Registers a message handler with `worker`, which must not be progressed after the Service is
  /// destroyed.
  Service(const Library& ucp, Worker& worker, Log& log);
  ~Service() = default;

  /// Makes a block accessible to messages until remove() was called as often as add(). `gpu` is the
  /// GPU that holds the block, null for host memory; `gpu` outlives the service.
  void add(const std::shared_ptr<Block>& block, Gpu* gpu = nullptr);
  void remove(const BlockId& id);
  /// Allows the Context with id `sender`. Executes its messages from now on, and the messages that
  /// it sent before: the sender may have attached before this rank.
  void allow(std::uint64_t sender);
  /// Checks an active message and executes it in its sender's order. `eager` is true if the payload
  /// has arrived with the message.
  void receive(std::string_view header, Payload payload, bool eager, ucp_ep_h reply_to);
  /// Replies to atomics that a GPU has completed and to flushes that waited for them. Returns
  /// whether it sent a reply. The caller has locked the worker.
  bool progress();
  /// Returns whether atomics on GPUs are in flight. The GPU does not signal their completion, so
  /// that progress() must be called repeatedly.
  bool waits_for_gpu() const { return waiting_.load(std::memory_order_relaxed) != 0; }
  /// Returns the number of refused messages from all senders.
  std::uint64_t refused() const { return refused_.load(); }

 private:
  /// A message that waits for earlier messages, or until its sender is allowed.
  struct EarlyMessage {
    Message message;
    std::vector<std::byte> payload;
    ucp_ep_h reply_to;
  };
  struct Sender {
    std::uint64_t next = 1;  ///< Sequence number of the message to execute next.
    std::map<std::uint64_t, EarlyMessage> early;
    std::uint64_t refused = 0;  ///< Messages refused since the sender's last flush.
  };
  /// Payload of the reply to a get.
  struct ReplyPayload {
    std::shared_ptr<std::byte[]> data;
    std::size_t bytes = 0;
  };
  /// A reply in flight; UCX reads it until the send completes.
  struct ReplyRecord;
  struct Served {
    std::shared_ptr<Block> block;
    Gpu* gpu = nullptr;  ///< Null for host memory.
    int count = 0;       ///< Number of add() calls minus remove() calls.
  };
  /// An atomic on GPU memory, or a flush that waits for an earlier atomic of the same sender. A
  /// kernel executes the atomic. No thread blocks until the kernel has run: another kernel may
  /// occupy the GPU and wait for a later message.
  struct InFlight {
    Message message;
    ucp_ep_h reply_to;
    Served served;  ///< Keeps the block of an atomic alive; empty for a flush.
    /// Null for a flush and for an atomic that has not started.
    std::unique_ptr<Gpu::Pending> pending;
  };

  static ucs_status_t on_message(void* self, const void* header, std::size_t header_bytes,
                                 void* data, std::size_t bytes,
                                 const ucp_am_recv_param_t* parameters);
  void accept(const Message& message, Payload payload, ucp_ep_h reply_to);
  void refuse(const char* why);
  void execute(Sender& sender, const Message& message, Payload payload, ucp_ep_h reply_to);
  bool dispatch(Sender& sender, const Message& message, Payload payload, Reply& reply,
                ReplyPayload& reply_payload);
  bool write(const Message& message, Payload payload);
  static void write_on(Gpu& gpu, std::byte* at, Payload payload);
  bool signal(std::uint64_t block, std::uint64_t pad, std::uint32_t count_at);
  bool atomic(const Message& message, std::uint64_t& before);
  bool read(const Message& message, ReplyPayload& payload);
  /// Runs `use(address, gpu)` if [offset, offset + bytes) of block `number` is open. Returns
  /// whether the range is open.
  template <typename Use>
  bool use(std::uint64_t number, std::size_t offset, std::size_t bytes, Use use);
  void send_reply(const Reply& reply, ReplyPayload payload, ucp_ep_h to);

  const Served* gpu_target(const Message& message) const;
  bool must_queue(const Message& message) const;
  bool enqueue(const Message& message, ucp_ep_h reply_to);
  void start(InFlight& atomic);
  bool completed(InFlight& atomic, std::uint64_t& value, bool& ok);
  bool reply_if_completed(InFlight& one, std::set<std::uint64_t>& blocked);

  const Library& ucp_;
  Log& log_;
  std::atomic<std::uint64_t> refused_{0};
  std::mutex mutex_;                        ///< Guards the members below, except waiting_.
  std::map<std::uint64_t, Served> blocks_;  ///< By block number.
  std::map<std::uint64_t, Sender> senders_;
  std::vector<EarlyMessage> unauthenticated_;  ///< Held until their senders are allowed.
  std::set<Gpu*> to_sync_;                     ///< GPUs that need sync_remote_writes().
  std::list<InFlight> in_flight_;              ///< Atomics and flushes in order of arrival.
  std::size_t started_ = 0;                    ///< Number of atomics that are started on a GPU.
  std::atomic<std::size_t> waiting_{0};        ///< Size of in_flight_.
};

}  // namespace symmem::ucx
