// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "symmem/key_value_store.hpp"

namespace symmem::bench {

/// Communication between two processes on bare UCP with the UCX options that symmem sets: the floor
/// (baseline) of symmem between hosts. The target process polls.
class RawUcp {
 public:
  /// Memory that the other process reads and writes. It outlives the RawUcp.
  struct Buffer {
    void* address = nullptr;
    std::size_t bytes = 0;
    bool on_gpu = false;
  };

  /// Returns whether this UCX supports CUDA and finds a CUDA driver. Throws Error(unsupported) if
  /// UCX cannot be opened.
  static bool knows_cuda(const std::string& library);

  /// Collective. Both processes exchange addresses through `store`, which outlives the RawUcp.
  /// Throws Error(unsupported) if UCX cannot be opened.
  RawUcp(const std::string& library, KeyValueStore& store, int rank, const Buffer& buffer);
  ~RawUcp();
  RawUcp(const RawUcp&) = delete;
  RawUcp& operator=(const RawUcp&) = delete;

  // Rank 0 calls the functions from put() to stop_serving(); they access the memory of rank 1.
  // get() returns when the data has arrived, put() and put_many() when the data is flushed.
  void put(std::size_t offset, const void* source, std::size_t bytes);
  void get(std::size_t offset, void* target, std::size_t bytes);
  /// Makes `count` puts, then one flush.
  void put_many(const void* source, std::size_t bytes, int count);
  /// Makes serve() return in rank 1.
  void stop_serving();

  // Round trips: both processes call the same function and poll. Each process calls `arrive`, if
  // set, for each received message, whose data is in host memory.

  /// Makes a round trip of 8-byte active messages.
  void trip();
  /// Makes a round trip of active messages of `bytes`.
  void trip(const void* source, std::size_t bytes);
  /// Makes a round trip. Each process puts `bytes`, flushes, then sends an 8-byte active message.
  void trip_by_put(std::size_t offset, const void* source, std::size_t bytes);
  std::function<void(const void*, std::size_t)> arrive;

  /// Rank 1 calls serve(), which progresses until rank 0 calls stop_serving().
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
  int served_ = 0;  ///< Number of completed rounds of serve().
  /// Rank 0 writes 1 here to end serve(). Always in host memory.
  std::uint64_t stop_ = 0;
  std::unique_ptr<Ucp> ucp_;
};

}  // namespace symmem::bench
