// SPDX-License-Identifier: Apache-2.0
#include "rendezvous/connection_parts.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/wire.hpp"

namespace symmem {

std::string ExportedHandles::encode() const {
  return Writer()
      .put(std::string_view(refusal))
      .put(std::string_view(buffer))
      .put(std::string_view(pad))
      .bytes();
}

ExportedHandles ExportedHandles::decode(const std::string& bytes) {
  Reader reader(bytes, "a rank's handles");
  ExportedHandles handles = read(reader);
  reader.finish();
  return handles;
}

ExportedHandles ExportedHandles::read(Reader& reader) {
  ExportedHandles handles;
  handles.refusal = reader.string();
  handles.buffer = reader.string();
  handles.pad = reader.string();
  return handles;
}

// For each rank, the encoded number is 0 if the rank is attached, else the index of its reason plus
// one. Each reason is encoded once, because many ranks share few reasons.

std::string encode_outcome(const std::vector<std::string>& outcome) {
  std::vector<std::string> reasons;
  std::vector<std::uint16_t> numbers;
  for (const std::string& reason : outcome) {
    const auto known = std::find(reasons.begin(), reasons.end(), reason);
    numbers.push_back(reason.empty() ? 0 : static_cast<std::uint16_t>(known - reasons.begin() + 1));
    if (!reason.empty() && known == reasons.end()) reasons.push_back(reason);
  }
  Writer writer;
  writer.put(reasons);
  for (const std::uint16_t number : numbers) writer.put(number);
  return std::move(writer).bytes();
}

std::vector<std::string> decode_outcome(const std::string& bytes, std::size_t ranks) {
  Reader reader(bytes, "a rank's attachments");
  const std::vector<std::string> reasons = reader.strings();
  std::vector<std::string> outcome;
  for (std::size_t r = 0; r < ranks; ++r) {
    const auto number = reader.get<std::uint16_t>();
    require(number <= reasons.size(), Errc::invalid_argument,
            "a rank's attachments refer to reason {} of {}", number, reasons.size());
    outcome.push_back(number == 0 ? "" : reasons[number - 1u]);
  }
  reader.finish();
  return outcome;
}

}  // namespace symmem
