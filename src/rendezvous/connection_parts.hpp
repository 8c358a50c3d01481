// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace symmem {

class Reader;

// What ranks tell each other in the rounds of a rendezvous; docs/wire.md, "Collective parts".
// Decoding throws Error(invalid_argument) for bytes that no rank of ours wrote.

/// A rank's handles in one round, or why it exports nothing.
struct ExportedHandles {
  std::string refusal, buffer, pad;

  std::string encode() const;
  static ExportedHandles decode(const std::string& bytes);
  static ExportedHandles read(Reader& reader);
};

/// What a rank says of its attachments: for each rank "" (attached) or why not.
std::string encode_outcome(const std::vector<std::string>& outcome);
std::vector<std::string> decode_outcome(const std::string& bytes, std::size_t ranks);

}  // namespace symmem
