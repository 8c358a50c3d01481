// SPDX-License-Identifier: Apache-2.0
#include "symmem/error.hpp"

#include "base/error_location.hpp"

namespace symmem {

constinit std::atomic<bool> error_locations_shown{false};

namespace {

/// Removes the root directory of the source tree from `path`. The root is the path of this file
/// without "src/base/error.cpp".
std::string_view below_source_root(std::string_view path) {
  constexpr std::string_view kThisFile = "src/base/error.cpp";
  std::string_view root = std::source_location::current().file_name();
  if (!root.ends_with(kThisFile)) return path;
  root.remove_suffix(kThisFile.size());
  if (path.starts_with(root)) path.remove_prefix(root.size());
  return path;
}

std::string location_suffix(const std::source_location& where) {
  return " [" + std::string(below_source_root(where.file_name())) + ":" +
         std::to_string(where.line()) + "]";
}

}  // namespace

std::string_view to_string(Errc code) {
  switch (code) {
    case Errc::invalid_argument: return "invalid_argument";
    case Errc::unsupported: return "unsupported";
    case Errc::exhausted: return "exhausted";
    case Errc::timeout: return "timeout";
    case Errc::peer_lost: return "peer_lost";
    case Errc::store_lost: return "store_lost";
    case Errc::refused: return "refused";
    case Errc::finished: return "finished";
    case Errc::internal: return "internal";
  }
  return "unknown";
}

Error::Error(Errc code, std::string message, std::source_location where)
    : code_(code), message_(std::move(message)), where_(where) {
  if (error_locations_shown.load(std::memory_order_relaxed)) message_ += location_suffix(where_);
}

void Error::add_context(std::string_view operation) {
  message_.insert(0, ": ");
  message_.insert(0, operation);
}

std::string text_without_location(const Error& error) {
  std::string text = error.what();
  const std::string suffix = location_suffix(error.where());
  if (text.ends_with(suffix)) text.resize(text.size() - suffix.size());
  return text;
}

}  // namespace symmem
