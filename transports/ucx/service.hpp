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

/// The target's side: executes peers' messages on this Context's blocks. Each message is checked
/// against the ranges that are open now; one that does not fit is refused and counted.
class Service {
 public:
  using Payload = std::pair<const void*, std::size_t>;

  /// Registers with `worker`, which must not be progressed after the Service is destroyed.
  Service(const Library& ucp, Worker& worker, Log& log);
  ~Service() = default;

  /// Opens a block to messages until as many remove() as add(). `gpu` holds the block and outlives
  /// the service; null for host memory.
  void add(const std::shared_ptr<Block>& block, Gpu* gpu = nullptr);
  void remove(const BlockId& id);
  /// Executes messages of `sender`, the id of a Context, from now on, and those that it has sent
  /// already: it may have attached first.
  void allow(std::uint64_t sender);
  /// Takes an active message, checks it and executes it in its sender's order. `eager`: the payload
  /// has arrived with it.
  void receive(std::string_view header, Payload payload, bool eager, ucp_ep_h reply_to);
  /// Replies to atomics that a GPU has completed, and to flushes behind them. Returns whether there
  /// were any. The caller has locked the worker.
  bool progress();
  /// Returns whether atomics on GPUs are in flight: nothing signals their completion, so progress()
  /// must poll.
  bool waits_for_gpu() const { return waiting_.load(std::memory_order_relaxed) != 0; }
  /// Messages refused, of all senders.
  std::uint64_t refused() const { return refused_.load(); }

 private:
  /// A message that waits for earlier ones, or for its sender to be allowed.
  struct EarlyMessage {
    Message message;
    std::vector<std::byte> payload;
    ucp_ep_h reply_to;
  };
  struct Sender {
    std::uint64_t next = 1;  ///< The sequence to execute next.
    std::map<std::uint64_t, EarlyMessage> early;
    std::uint64_t refused = 0;  ///< Since its last flush.
  };
  /// The bytes of the reply to a get.
  struct ReplyPayload {
    std::shared_ptr<std::byte[]> data;
    std::size_t bytes = 0;
  };
  /// A reply in flight, which UCX reads until it is sent.
  struct ReplyRecord;
  struct Served {
    std::shared_ptr<Block> block;
    Gpu* gpu = nullptr;  ///< Null for host memory.
    int count = 0;       ///< add() minus remove().
  };
  /// An atomic on GPU memory, which a kernel executes once it is scheduled, or a flush of the same
  /// sender behind it. No thread waits for it: the kernel that occupies the GPU may be waiting for
  /// a later message.
  struct InFlight {
    Message message;
    ucp_ep_h reply_to;
    Served served;                          ///< Keeps an atomic's block; empty for a flush.
    std::unique_ptr<Gpu::Pending> pending;  ///< Null for a flush, and before the atomic starts.
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
  /// Runs `use(address, gpu)` if [offset, offset + bytes) of that block is open. Returns whether it
  /// is.
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
  std::mutex mutex_;                        ///< Guards all below.
  std::map<std::uint64_t, Served> blocks_;  ///< By number.
  std::map<std::uint64_t, Sender> senders_;
  std::vector<EarlyMessage> unauthenticated_;  ///< Their senders may be allowed later.
  std::set<Gpu*> to_sync_;                     ///< GPUs that need sync_remote_writes().
  std::list<InFlight> in_flight_;              ///< In order of arrival.
  std::size_t started_ = 0;                    ///< Atomics in flight that a GPU has.
  std::atomic<std::size_t> waiting_{0};        ///< Size of in_flight_.
};

}  // namespace symmem::ucx
