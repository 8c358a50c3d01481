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

/// The client's part of the handshake.
struct Hello {
  std::string job;
  Process process;
  std::chrono::milliseconds liveness{0};
};

/// The server's part of the handshake.
struct Welcome {
  Process server;
  bool standalone = false;  ///< Not hosted by a rank of a job.
};

/// The mutual authentication of client and server, without I/O:
///
///   client -> hello      magic, version, client's nonce, job, process, liveness
///   server -> challenge  magic, version, server's nonce, server's proof
///   client -> proof      client's proof
///   server -> welcome    server's process, kind   (or, at any step, a refusal: code, text)
///
/// A proof is an HMAC over the role, the whole hello and the server's nonce: it cannot be replayed
/// on another connection, used for another hello, or reflected to its sender. Without a secret
/// proofs are empty. The server proves itself first, so a client detects a wrong secret itself.
class ClientHandshake {
 public:
  /// `server` is its URL for errors: "tcp://127.0.0.1:4711".
  ClientHandshake(const Hello& hello, std::string secret, std::string server);

  /// Returns the body of the hello.
  const std::string& hello() const { return hello_; }
  /// Checks the challenge and returns the body of the proof.
  std::string answer(const Frame& frame) const;
  /// Checks the welcome and returns it.
  Welcome finish(const Frame& frame) const;

 private:
  /// Throws the Error of a refusal, Error(refused) for a frame of any other kind than `expected`.
  void require_kind(const Frame& frame, Kind expected) const;

  std::string secret_;
  std::string server_;
  std::string hello_;
};

/// The server's side.
class ServerHandshake {
 public:
  explicit ServerHandshake(std::string secret) : secret_(std::move(secret)) {}

  /// Accepts a hello, then a proof. Returns the body of the challenge for a hello and nullopt for a
  /// valid proof. Throws Error; the caller sends its text as a refusal.
  std::optional<std::string> accept(const Frame& frame);
  const Hello& hello() const { return hello_; }

 private:
  std::string challenge(std::string_view body);

  std::string secret_;
  Hello hello_;
  std::string transcript_;  // The hello's body and the server's nonce; empty before the hello.
};

std::string encode_welcome(const Welcome& welcome);
std::string encode_refusal(Errc code, std::string_view text);

}  // namespace symmem::store
