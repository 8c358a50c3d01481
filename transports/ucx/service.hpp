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

#include "gpu/gpu.hpp"
#include "base/log.hpp"
#include "symmem/extend/block.hpp"
#include "ucx/message.hpp"
#include "ucx/worker.hpp"

namespace symmem::ucx {

/// The target's side: carries out what peers ask of our blocks by active message. Every message is
/// checked against what is rendezvoused now; one that does not fit is refused and counted, and
/// harms nobody.
class Service {
 public:
  using Payload = std::pair<const void*, std::size_t>;

  /// Takes messages of `worker` from now on.
  Service(const Library& ucp, Worker& worker, Log& log);
  /// The worker is not progressed any more.
  ~Service() = default;

  /// Opens a block to messages, until as many removes as adds; `gpu` is the one that has it, null
  /// for host memory.
  void add(const std::shared_ptr<Block>& block, std::shared_ptr<Gpu> gpu = nullptr);
  void remove(const BlockId& id);
  /// Messages of `sender`, the id of a Context, are carried out from now on, and those that it sent
  /// before: it may have attached us first.
  void allow(std::uint64_t sender);
  /// Takes what came as a message; carries it out if it is one, and its turn. `eager`: the payload
  /// is there.
  void receive(std::string_view header, Payload payload, bool eager, ucp_ep_h reply_to);
  /// Sends the replies that had to wait for a GPU; tells whether there were any. While the worker
  /// is locked.
  bool carry_on();
  /// Whether some have to wait: nothing but carry_on tells when they need not.
  bool waits_for_gpu() const { return waiting_.load(std::memory_order_relaxed) != 0; }
  /// Messages that were not carried out, of all senders and of strangers.
  std::uint64_t refused() const { return refused_.load(); }

 private:
  /// What came before its turn.
  struct Early {
    Message message;
    std::vector<std::byte> payload;
    ucp_ep_h reply_to;
  };
  struct Sender {
    std::uint64_t next = 1;  ///< The sequence that is carried out next.
    std::map<std::uint64_t, Early> early;
    std::uint64_t refused = 0;  ///< Since its last flush.
  };
  struct ReplyRecord;

  static ucs_status_t on_message(void* self, const void* header, std::size_t header_bytes,
                                 void* data, std::size_t bytes,
                                 const ucp_am_recv_param_t* parameters);
  void take(const Message& message, Payload payload, ucp_ep_h reply_to);
  void refuse(const char* why);
  /// What a reply brings, in memory of its own.
  struct Brought {
    std::shared_ptr<std::byte[]> data;
    std::size_t bytes = 0;
  };
  bool execute(Sender& sender, const Message& message, Payload payload, Reply& answer,
               Brought& brought);
  void carry_out(Sender& sender, const Message& message, Payload payload, ucp_ep_h reply_to);
  bool write(const Message& message, Payload payload);
  static void write_on(Gpu& gpu, std::byte* at, Payload payload);
  bool signal(std::uint64_t block, std::uint64_t pad, std::uint32_t count_at);
  bool apply(const Message& message, std::uint64_t& before);
  bool read(const Message& message, Brought& brought);
  struct Served {
    std::shared_ptr<Block> block;
    std::shared_ptr<Gpu> gpu;
    int count = 0;
  };
  /// An atomic on GPU memory, which a kernel there carries out when it gets to run; or a flush of
  /// the same sender behind it. What holds the GPU may wait for a later message: nobody waits here.
  struct UnderWay {
    Message message;
    ucp_ep_h reply_to;
    Served served;                          ///< Of an atomic: lives until it is done.
    std::unique_ptr<Gpu::Pending> pending;  ///< Null before it is started, and of a flush.
  };
  const Served* of_gpu(const Message& message) const;
  bool must_queue(const Message& message) const;
  bool queue(const Message& message, ucp_ep_h reply_to);
  void start(UnderWay& atomic);
  bool is_over(UnderWay& one, std::uint64_t& value, bool& well);
  /// Runs `use(place, gpu)` if [offset, offset+bytes) of that block is open, and tells whether it
  /// is.
  template <typename Use>
  bool use(std::uint64_t number, std::size_t offset, std::size_t bytes, Use use);
  void reply(const Reply& reply, Brought brought, ucp_ep_h to);

  const Library& ucp_;
  Log& log_;
  std::atomic<std::uint64_t> refused_{0};
  std::mutex mutex_;                        ///< Guards what follows.
  std::map<std::uint64_t, Served> blocks_;  ///< By number.
  std::map<std::uint64_t, Sender> senders_;
  std::vector<Early> strangers_;            ///< What came of senders that may be allowed yet.
  std::set<std::shared_ptr<Gpu>> to_sync_;  ///< GPUs to whose memory RMA is not ordered by itself.
  std::list<UnderWay> under_way_;           ///< In the order in which they came.
  std::size_t started_ = 0;                 ///< Of them, atomics at the GPU.
  std::atomic<std::size_t> waiting_{0};     ///< How many they are.
};

}  // namespace symmem::ucx
