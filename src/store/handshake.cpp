// SPDX-License-Identifier: Apache-2.0
#include "store/handshake.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/random.hpp"
#include "base/wire.hpp"
#include "store/error_text.hpp"
#include "store/secret.hpp"

namespace symmem::store {
namespace {

constexpr std::string_view kServerRole = "symmem store server";
constexpr std::string_view kClientRole = "symmem store client";

std::string proof_of(std::string_view role, const std::string& secret,
                     std::string_view transcript) {
  if (secret.empty()) return {};
  return hmac_sha256(secret, std::string(role).append(1, '\0').append(transcript));
}

void put_process(Writer& out, const Process& process) {
  out.put(std::string_view(process.host))
      .put(static_cast<std::uint64_t>(process.pid))
      .put(process.id);
}

/// Maximum length in bytes of a text from a server that is not authenticated yet.
constexpr std::size_t kMaxRefusal = 1000;

Process read_process(Reader& in) {
  Process process;
  process.host = printable(in.string(), kMaxHostName);
  process.pid = static_cast<std::int64_t>(in.get<std::uint64_t>());
  process.id = in.get<std::uint64_t>();
  return process;
}

void require_same_protocol(Reader& in, std::string_view other) {
  require(in.get<std::uint64_t>() == kMagic, Errc::refused, "{} does not speak the symmem protocol",
          other);
  const auto version = in.get<std::uint32_t>();
  require(version == kVersion, Errc::refused,
          "{} speaks version {} of the store's protocol, this process speaks version {}; use the "
          "same symmem release",
          other, version, kVersion);
}

}  // namespace

ClientHandshake::ClientHandshake(const Hello& hello, std::string secret, std::string server)
    : secret_(std::move(secret)), server_(std::move(server)) {
  Writer out;
  out.put(kMagic).put(kVersion).raw(random_bytes(kNonceBytes)).put(std::string_view(hello.job));
  put_process(out, hello.process);
  hello_ = std::move(out.put(static_cast<std::uint64_t>(hello.liveness.count()))).bytes();
}

void ClientHandshake::require_kind(const Frame& frame, Kind expected) const {
  if (frame.kind == expected) return;
  require(frame.kind == Kind::refusal, Errc::refused,
          "{} is not a symmem store or runs another version: it sent a frame of kind {}", server_,
          static_cast<std::uint32_t>(frame.kind));
  Reader in(frame.body, "store refusal");
  const auto code = static_cast<Errc>(std::min<int>(in.get<std::uint8_t>(), int(Errc::internal)));
  throw Error(code,
              fmt::format("the store at {}: {}", server_, printable(in.string(), kMaxRefusal)));
}

std::string ClientHandshake::answer(const Frame& frame) const {
  require_kind(frame, Kind::challenge);
  Reader in(frame.body, "store challenge");
  require_same_protocol(in, "the store at " + server_);
  const std::string_view nonce = in.raw(kNonceBytes);
  const std::string proof = in.string();
  in.finish();
  require(
      !proof.empty() || secret_.empty(), Errc::refused,
      "the store at {} has no secret but this process has one: set the same secret for the store",
      server_);
  require(proof.empty() || !secret_.empty(), Errc::refused,
          "the store at {} requires a secret and this process has none: set SYMMEM_SECRET_FILE",
          server_);
  const std::string transcript = hello_ + std::string(nonce);
  require(equal_in_constant_time(proof, proof_of(kServerRole, secret_, transcript)), Errc::refused,
          "the store at {} has a different secret from this process", server_);
  return Writer().put(std::string_view(proof_of(kClientRole, secret_, transcript))).bytes();
}

Welcome ClientHandshake::finish(const Frame& frame) const {
  require_kind(frame, Kind::welcome);
  Reader in(frame.body, "store welcome");
  Welcome welcome{read_process(in), in.get<std::uint8_t>() != 0};
  in.finish();
  return welcome;
}

std::optional<std::string> ServerHandshake::accept(const Frame& frame) {
  const bool first = transcript_.empty();
  require(frame.kind == (first ? Kind::hello : Kind::proof), Errc::refused,
          "this is a symmem store; a connection begins with a hello and a proof, not frame kind {}",
          static_cast<std::uint32_t>(frame.kind));
  if (first) return challenge(frame.body);
  Reader in(frame.body, "store proof");
  const std::string proof = in.string();
  in.finish();
  require(equal_in_constant_time(proof, proof_of(kClientRole, secret_, transcript_)), Errc::refused,
          "{} has a different secret from the store", name_of(hello_.process));
  return std::nullopt;
}

std::string ServerHandshake::challenge(std::string_view body) {
  Reader in(body, "store hello");
  require_same_protocol(in, "the client");
  in.raw(kNonceBytes);
  hello_.job = in.string();
  hello_.process = read_process(in);
  const auto liveness = in.get<std::uint64_t>();
  in.finish();
  require(liveness >= 1 && liveness <= 1000ull * 3600 * 24 * 365, Errc::invalid_argument,
          "a liveness of {} ms is not within 1 ms .. 1 year", liveness);
  hello_.liveness = std::chrono::milliseconds(liveness);
  const std::string nonce = random_bytes(kNonceBytes);
  transcript_ = std::string(body) + nonce;
  return Writer()
      .put(kMagic)
      .put(kVersion)
      .raw(nonce)
      .put(std::string_view(proof_of(kServerRole, secret_, transcript_)))
      .bytes();
}

std::string encode_welcome(const Welcome& welcome) {
  Writer out;
  put_process(out, welcome.server);
  out.put(static_cast<std::uint8_t>(welcome.standalone));
  return std::move(out).bytes();
}

std::string encode_refusal(Errc code, std::string_view text) {
  return Writer().put(static_cast<std::uint8_t>(code)).put(text).bytes();
}

}  // namespace symmem::store
