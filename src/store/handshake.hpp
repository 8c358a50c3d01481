// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "store/frame.hpp"
#include "symmem/error.hpp"
#include "symmem/extend/store.hpp"

namespace symmem::store {

inline constexpr std::uint64_t kMagic = 0x31306d656d6d7973;  // "symmem01" in memory
inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::size_t kNonceBytes = 32;

/// What a client says of itself.
struct Hello {
  std::string job;
  Process process;
  std::chrono::milliseconds liveness{0};
};

/// What a server says of itself.
struct Welcome {
  Process server;
  bool standalone = false;  ///< Not hosted by a rank of one job.
};

/// How a client and a server come to trust each other, without I/O:
///
///   client -> hello      magic, version, client's nonce, job, process, liveness
///   server -> challenge  magic, version, server's nonce, server's proof
///   client -> proof      client's proof
///   server -> welcome    server's process, kind   (or, at any step, a refusal: code, text)
///
/// A proof is an HMAC over the role, the whole hello and the server's nonce, so it is worth nothing
/// in another connection, for another hello, or sent back to its maker. Without a secret proofs are
/// empty. The server proves itself first: a client with a wrong secret learns so by itself.
class ClientHandshake {
 public:
  /// `server` names it in errors: "tcp://127.0.0.1:4711".
  ClientHandshake(const Hello& hello, std::string secret, std::string server);

  /// The body of the hello.
  const std::string& hello() const { return hello_; }
  /// Checks the challenge and returns the body of the proof.
  std::string answer(const Frame& frame) const;
  Welcome finish(const Frame& frame) const;

 private:
  /// Throws what a refusal says; Error(refused) if the frame is neither that nor `expected`.
  void require_kind(const Frame& frame, Kind expected) const;

  std::string secret_;
  std::string server_;
  std::string hello_;
};

class ServerHandshake {
 public:
  explicit ServerHandshake(std::string secret) : secret_(std::move(secret)) {}

  /// Takes a hello or a proof. Returns the body of the challenge after a hello, nothing once the
  /// client has proven itself. Throws Error, whose text is to be sent as a refusal.
  std::optional<std::string> take(const Frame& frame);
  const Hello& hello() const { return hello_; }

 private:
  std::string challenge(std::string_view body);

  std::string secret_;
  Hello hello_;
  std::string transcript_;  // The hello's body and our nonce; empty until the hello is there.
};

std::string encode_welcome(const Welcome& welcome);
std::string encode_refusal(Errc code, std::string_view text);

}  // namespace symmem::store
