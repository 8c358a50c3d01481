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

/// The identity and the options that a client sends in its hello.
struct Hello {
  std::string job;
  Process process;
  std::chrono::milliseconds liveness{0};
};

/// The identity that a server sends in its welcome.
struct Welcome {
  Process server;
  bool standalone = false;  ///< The server is not hosted by a rank of a job.
};

/// The client's half of the mutual authentication of client and server. Does no I/O. Messages:
///
///   client -> hello      magic, version, client's nonce, job, process, liveness
///   server -> challenge  magic, version, server's nonce, server's proof
///   client -> proof      client's proof
///   server -> welcome    server's process, kind   (or, at any step, a refusal: code, text)
///
/// A proof is an HMAC of the role, the whole hello and the server's nonce. A proof cannot be
/// replayed on another connection, used for another hello, or reflected to its sender. Without a
/// secret, proofs are empty. The server sends its proof first, so the client itself detects a wrong
/// secret.
class ClientHandshake {
 public:
  /// `server` is the URL of the server for error messages: "tcp://127.0.0.1:4711".
  ClientHandshake(const Hello& hello, std::string secret, std::string server);

  /// Returns the body of the hello.
  const std::string& hello() const { return hello_; }
  /// Checks the challenge and returns the body of the proof.
  std::string answer(const Frame& frame) const;
  /// Checks the welcome and returns it.
  Welcome finish(const Frame& frame) const;

 private:
  /// Throws the Error of a refusal, and Error(refused) for a frame of any other kind than
  /// `expected`.
  void require_kind(const Frame& frame, Kind expected) const;

  std::string secret_;
  std::string server_;
  std::string hello_;
};

/// The server's half of the authentication.
class ServerHandshake {
 public:
  explicit ServerHandshake(std::string secret) : secret_(std::move(secret)) {}

  /// Accepts a hello, then a proof. Returns the body of the challenge for a hello and nullopt for a
  /// valid proof. Throws Error if it rejects the frame; the caller sends the error's text as a
  /// refusal.
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
