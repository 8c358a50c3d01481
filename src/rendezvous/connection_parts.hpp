// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace symmem {

class Reader;

// The values that ranks gather in the rounds of a rendezvous; docs/wire.md, "Collective parts".
// Decoding throws Error(invalid_argument) for malformed bytes.

/// A rank's handles of one transport, or the reason why it exports nothing.
struct ExportedHandles {
  std::string refusal, buffer, pad;

  std::string encode() const;
  static ExportedHandles decode(const std::string& bytes);
  static ExportedHandles read(Reader& reader);
};

/// The result of a rank's attachments, by rank: "" (attached) or the reason why not.
std::string encode_outcome(const std::vector<std::string>& outcome);
std::vector<std::string> decode_outcome(const std::string& bytes, std::size_t ranks);

}  // namespace symmem
