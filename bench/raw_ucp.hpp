// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "symmem/key_value_store.hpp"

namespace symmem::bench {

/// Two processes on bare UCP, tuned as symmem tunes it: the floor for symmem across hosts. The
/// target polls.
class RawUcp {
 public:
  /// Memory that the other process reads and writes; outlives the RawUcp.
  struct Buffer {
    void* address = nullptr;
    std::size_t bytes = 0;
    bool on_gpu = false;
  };

  /// Returns whether this UCX supports CUDA and there is a driver. Throws Error(unsupported) if UCX
  /// cannot be opened.
  static bool knows_cuda(const std::string& library);

  /// Collective over both processes, which exchange addresses through `store`; it outlives the
  /// RawUcp. Throws Error(unsupported) if UCX cannot be opened.
  RawUcp(const std::string& library, KeyValueStore& store, int rank, const Buffer& buffer);
  ~RawUcp();
  RawUcp(const RawUcp&) = delete;
  RawUcp& operator=(const RawUcp&) = delete;

  // Rank 0, on the other's buffer. Each returns when UCX completes it; puts when flushed.
  void put(std::size_t offset, const void* source, std::size_t bytes);
  void get(std::size_t offset, void* target, std::size_t bytes);
  /// `count` puts, then one flush.
  void put_many(const void* source, std::size_t bytes, int count);
  /// Makes the other's serve() return.
  void stop_serving();

  // Round trips: both processes call the same function, and both spin.

  /// 8 bytes by active messages.
  void trip();
  /// `bytes` by active messages; calls `arrive` for each that arrives, in host memory.
  void trip(const void* source, std::size_t bytes);
  /// `bytes` put and flushed, then an active message.
  void trip_by_put(std::size_t offset, const void* source, std::size_t bytes);
  std::function<void(const void*, std::size_t)> arrive;

  /// Rank 1: progresses until rank 0 calls stop_serving().
  void serve();

 private:
  class Ucp;
  void start_put(std::size_t offset, const void* source, std::size_t bytes);
  void flush();

  void send_message(const void* source, std::size_t bytes);
  void await_message();
  template <typename Send>
  void trip_of(Send send);
  std::string round_key() const;

  KeyValueStore& store_;
  const bool first_;
  int served_ = 0;  ///< Completed rounds of serve().
  /// Rank 0 sets it to end serve(); host memory, whatever the buffer is.
  std::uint64_t stop_ = 0;
  std::unique_ptr<Ucp> ucp_;
};

}  // namespace symmem::bench
