// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "ucx/engine.hpp"
#include "ucx/message.hpp"

namespace symmem::ucx {

/// The one connection to a peer Context: all that this Context asks of it goes through here. A
/// connection that broke stays broken: what was under way then is not known to have happened.
class Endpoint {
 public:
  /// The `number`th of its engine. Error(unsupported) if UCX finds no way to that address.
  Endpoint(Engine& engine, std::uint64_t number, const std::string& address);
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  /// Of the endpoint that a request, and so its reply, is of.
  static std::uint64_t number_of(std::uint64_t request) { return request >> kRequestBits; }

  /// Whether large puts go by RMA: not over TCP alone, where UCX makes the target copy anyway,
  /// slower than by message and unchecked, and up to 1.13 ends the target's process when it cannot
  /// answer a sender that has died.
  bool puts_by_rma() const { return puts_by_rma_; }

  // Each of these locks the worker, and throws Error(peer_lost) once the connection is
  // broken.
  /// Returns when the payload may be reused: it is copied if it is small; else when UCX has taken
  /// it or, if `nbi`, at the next flush. A long put takes several messages.
  void send(Message message, const void* payload, std::size_t bytes, bool nbi, Wait& wait);
  /// Returns the value of the reply. Error(refused) if the peer refused.
  std::uint64_t ask(Message message, Wait& wait);
  /// Returns when all pieces of the block that `message` names are there, or when they are asked
  /// for if `nbi`.
  void get(Message message, std::span<const GetPiece> pieces, bool nbi, Wait& wait);
  /// RMA; returns when `source` may be reused, or at once if `nbi`.
  void put(std::uint64_t address, ucp_rkey_h key, const void* source, std::size_t bytes, bool nbi,
           Wait& wait);
  /// RMA, for few bytes: UCX emulates it over TCP, and ends the target's process when it cannot
  /// reply to a reader that has died.
  void read(std::uint64_t address, ucp_rkey_h key, void* target, std::size_t bytes, Wait& wait);
  /// Returns when all RMA before has taken effect at the peer: what must not be overtaken.
  void flush_rma(Wait& wait);
  /// The same of everything before. Error(refused) if the peer refused some of it.
  void flush(Wait& wait);
  /// The last flush of this Context. UCX asserts when a connection is closed that it is still
  /// making.
  void finish(Wait& wait);
  ucp_rkey_h unpack(const std::string& key);

  // While the worker is locked:
  bool broken() const { return broken_; }
  void on_reply(const Reply& reply, std::string_view payload);
  /// Gives the connection up: everything that is under way ends, unsuccessfully.
  void break_off(const std::string& reason);

 private:
  static constexpr int kRequestBits = 40;

  /// One UCX request of ours; lives until UCX is done with it and nobody waits for it.
  struct Operation {
    bool done = false;
    bool lent = false;  ///< It uses the caller's memory.
    bool nbi = false;   ///< Until the next flush.
    ucs_status_t status = UCS_OK;
    Message message;
    std::vector<std::byte> payload;  ///< If it is not lent.
    Endpoint* endpoint = nullptr;
    std::shared_ptr<Operation> self;  ///< While UCX has it.
  };
  using Handle = std::shared_ptr<Operation>;
  struct Answer {
    bool done = false;
    Reply reply;
  };

  /// Gets that are waited for together.
  struct Get {
    std::size_t left = 0;  ///< Parts.
    bool refused = false;
  };
  /// As much of a get as one reply brings.
  struct Part {
    std::byte* target = nullptr;
    std::size_t bytes = 0;
    Get* get = nullptr;
  };

  std::uint64_t next_request() { return ++last_request_; }
  static void on_error(void* self, ucp_ep_h, ucs_status_t status);
  static void on_complete(void* request, ucs_status_t status, void* operation);
  /// Posts one request by `call(parameters)`.
  template <typename Call>
  Handle post(Handle operation, std::uint32_t flags, Call call);
  Handle post_message(Message message, const void* payload, std::size_t bytes, bool nbi, Wait& wait,
                      std::unique_lock<std::mutex>& lock);
  void ask_for(Message message, const GetPiece& piece, Get& get, Wait& wait,
               std::unique_lock<std::mutex>& lock);
  void flush_lanes(std::unique_lock<std::mutex>& lock, Wait& wait);
  void flush_gets(std::unique_lock<std::mutex>& lock, Wait& wait);
  /// What comes for such parts is dropped from now on: their memory is the caller's again.
  template <typename Which>
  void forget(Which which);
  /// RMA, posted by `call(parameters)`.
  template <typename Call>
  void move(bool nbi, Wait& wait, Call call);
  /// Ends all that uses callers' memory and whose waits ended before it did: by breaking off the
  /// connection, since UCX gives the memory back no other way.
  void let_go(const std::string& reason, std::unique_lock<std::mutex>& lock);
  void check(const Handle& operation) const;
  void check() const;

  Engine& engine_;
  const Library& ucp_;
  std::uint64_t last_request_;  ///< The endpoint's number, and behind it a count.
  ucp_ep_h endpoint_ = nullptr;
  bool puts_by_rma_ = false;
  bool broken_ = false;
  std::string reason_;
  /// Changed while the worker is locked. Who looks without that knows of its own.
  std::atomic<std::uint64_t> rma_posted_{0};
  std::atomic<std::uint64_t> rma_flushed_{0};  ///< Those known to have taken effect.
  std::size_t lent_ = 0;                       ///< Operations that still use the caller's memory.
  std::size_t lent_nbi_ = 0;                   ///< Those of them that the next flush waits for.
  std::size_t under_way_ = 0;                  ///< Messages that UCX has not taken yet.
  std::size_t bytes_under_way_ = 0;
  std::uint64_t sent_ = 0;     ///< Messages, and the last one's sequence.
  std::uint64_t last_ = 0;     ///< Sequence of the last that was no get.
  std::uint64_t flushed_ = 0;  ///< Those known to be carried out.
  std::map<std::uint64_t, std::shared_ptr<Answer>> asked_;  ///< By request.
  std::map<std::uint64_t, Part> parts_;                     ///< Under way, by request.
  Get nbi_;                                                 ///< All that the next flush waits for.
};

}  // namespace symmem::ucx
