// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "symmem/store.hpp"

namespace symmem::bench {

/// Two processes on bare UCP, tuned as symmem tunes it: the floor of what symmem does across hosts.
/// The target polls.
class RawUcp {
 public:
  /// Both processes call this, and meet in `store`, which outlives it.
  RawUcp(const std::string& library, Store& store, int rank, std::size_t bytes);
  ~RawUcp();

  // Rank 0, on the other's buffer. Each returns when UCX says that it is done; puts when flushed.
  void put(std::size_t offset, const void* source, std::size_t bytes);
  void get(std::size_t offset, void* target, std::size_t bytes);
  /// `count` puts, then one flush.
  void put_many(const void* source, std::size_t bytes, int count);
  /// Ends the other's serve().
  void stop_serving();

  /// 8 bytes there and 8 bytes back by active messages; both call this, and both spin.
  void trip();

  /// Rank 1: progresses until rank 0 says stop.
  void serve();
  const std::byte* buffer() const { return buffer_.data(); }

 private:
  class Ucp;
  void flush();

  void send_message();
  void await_message();
  std::string name_of_round() const;

  Store& store_;
  const bool first_;
  int served_ = 0;  ///< Rounds of serve() that have ended.
  std::vector<std::byte> buffer_;
  std::unique_ptr<Ucp> ucp_;
};

}  // namespace symmem::bench
