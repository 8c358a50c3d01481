// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace symmem {

class Reader;

// The values that ranks gather in the rounds of a rendezvous. Format: docs/wire.md, "Collective
// parts". Decoding throws Error(invalid_argument) for malformed bytes.

/// A rank's handles for one transport, or the reason why the transport does not export.
struct ExportedHandles {
  std::string refusal, buffer, pad;

  std::string encode() const;
  static ExportedHandles decode(const std::string& bytes);
  static ExportedHandles read(Reader& reader);
};

/// encode_outcome and decode_outcome convert the outcome of a rank's attachments, indexed by peer:
/// "" if attached, else the reason.
std::string encode_outcome(const std::vector<std::string>& outcome);
std::vector<std::string> decode_outcome(const std::string& bytes, std::size_t ranks);

}  // namespace symmem
