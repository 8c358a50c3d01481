// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "symmem/key_value_store.hpp"

namespace symmem::bench {

/// Two processes on bare UCP, tuned as symmem tunes it: the floor of what symmem does across hosts.
/// The target polls.
class RawUcp {
 public:
  /// What the other process reads and writes; outlives the RawUcp.
  struct Buffer {
    void* address = nullptr;
    std::size_t bytes = 0;
    bool on_gpu = false;
  };

  /// Whether this UCX has CUDA, and there is a driver. Throws as ucx::Library::open does.
  static bool knows_cuda(const std::string& library);

  /// Both processes call this, and meet in `store`, which outlives it.
  RawUcp(const std::string& library, KeyValueStore& store, int rank, const Buffer& buffer);
  ~RawUcp();
  RawUcp(const RawUcp&) = delete;
  RawUcp& operator=(const RawUcp&) = delete;

  // Rank 0, on the other's buffer. Each returns when UCX says that it is done; puts when flushed.
  void put(std::size_t offset, const void* source, std::size_t bytes);
  void get(std::size_t offset, void* target, std::size_t bytes);
  /// `count` puts, then one flush.
  void put_many(const void* source, std::size_t bytes, int count);
  /// Ends the other's serve().
  void stop_serving();

  // There and back; both call the same, and both spin.

  /// 8 bytes by active messages.
  void trip();
  /// `bytes` by active messages; what comes goes to `arrive`, in host memory.
  void trip(const void* source, std::size_t bytes);
  /// `bytes` put and flushed, then an active message.
  void trip_by_put(std::size_t offset, const void* source, std::size_t bytes);
  std::function<void(const void*, std::size_t)> arrive;

  /// Rank 1: progresses until rank 0 says stop.
  void serve();

 private:
  class Ucp;
  void start_put(std::size_t offset, const void* source, std::size_t bytes);
  void flush();

  void send_message(const void* source, std::size_t bytes);
  void await_message();
  template <typename Send>
  void trip_of(Send send);
  std::string name_of_round() const;

  KeyValueStore& store_;
  const bool first_;
  int served_ = 0;  ///< Rounds of serve() that have ended.
  /// Where rank 0 writes that it is enough: host memory, whatever the buffer is.
  std::uint64_t stop_ = 0;
  std::unique_ptr<Ucp> ucp_;
};

}  // namespace symmem::bench
