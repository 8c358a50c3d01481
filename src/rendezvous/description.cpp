// SPDX-License-Identifier: Apache-2.0
#include "rendezvous/description.hpp"

#include <functional>
#include <map>

#include "base/check.hpp"
#include "base/wire.hpp"

namespace symmem {
namespace {

constexpr std::uint32_t kVersion = 1;

void put(Writer& writer, const BlockRange& place) {
  writer.put(place.block.process).put(place.block.number);
  writer.put(static_cast<std::uint8_t>(place.kept)).put(place.offset);
}

BlockRange read_range(Reader& reader) {
  BlockRange place;
  place.block.process = reader.get<std::uint64_t>();
  place.block.number = reader.get<std::uint64_t>();
  place.kept = reader.get<std::uint8_t>() != 0;
  place.offset = reader.get<std::uint64_t>();
  return place;
}

/// Throws unless `value` is equal for all ranks. The error contains a list such as "1024 on rank 0
/// (...); 2048 on rank 1 (...)".
void require_equal(const Group& group, const std::vector<Description>& described, const char* what,
                   const std::function<std::string(const Description&)>& value) {
  std::map<std::string, std::vector<int>> ranks;
  for (std::size_t i = 0; i < described.size(); ++i)
    ranks[value(described[i])].push_back(static_cast<int>(i));
  if (ranks.size() == 1) return;
  std::string text;
  for (const auto& [key, who] : ranks)
    text += fmt::format("{}{} on {}", text.empty() ? "" : "; ", key, group.describe(who));
  fail(Errc::invalid_argument, "the ranks' {} differ: {}; they must be equal", what, text);
}

std::string join(const std::vector<std::string>& names) {
  return fmt::format("\"{}\"", fmt::join(names, ","));
}

}  // namespace

std::string Description::encode() const {
  Writer writer;
  writer.put(kVersion).put(bytes).put(static_cast<std::uint32_t>(device));
  writer.put(static_cast<std::uint8_t>(alloc_id.has_value())).put(alloc_id.value_or(0));
  writer.put(channels).put(transports).put(require).put(std::string_view(host_id));
  put(writer, buffer);
  put(writer, pad);
  put(writer, network_pad);
  writer.put(static_cast<std::uint8_t>(handles.has_value()));
  if (handles) writer.raw(handles->encode());
  return std::move(writer).bytes();
}

Description Description::decode(const std::string& encoded) {
  Reader reader(encoded, "a rank's description");
  const auto version = reader.get<std::uint32_t>();
  symmem::require(version == kVersion, Errc::unsupported,
                  "a rank runs another release of symmem: its description has version {}, this "
                  "rank uses version {}",
                  version, kVersion);
  Description description;
  description.bytes = reader.get<std::uint64_t>();
  description.device = static_cast<DeviceType>(reader.get<std::uint32_t>());
  const bool has_id = reader.get<std::uint8_t>() != 0;
  const auto id = reader.get<std::uint64_t>();
  if (has_id) description.alloc_id = id;
  description.channels = reader.get<std::uint32_t>();
  description.transports = reader.strings();
  description.require = reader.strings();
  description.host_id = reader.string();
  description.buffer = read_range(reader);
  description.pad = read_range(reader);
  description.network_pad = read_range(reader);
  if (reader.get<std::uint8_t>() != 0) description.handles = ExportedHandles::read(reader);
  reader.finish();
  return description;
}

void validate(const Group& group, const std::vector<Description>& described) {
  const auto same = [&](const char* what,
                        const std::function<std::string(const Description&)>& value) {
    require_equal(group, described, what, value);
  };
  same("device types", [](const Description& d) { return to_string(d.device); });
  same("sizes in bytes", [](const Description& d) { return std::to_string(d.bytes); });
  same("alloc_ids",
       [](const Description& d) { return d.alloc_id ? std::to_string(*d.alloc_id) : "none"; });
  same("SYMMEM_CHANNELS", [](const Description& d) { return std::to_string(d.channels); });
  same("transports (SYMMEM_TRANSPORTS, or as registered)",
       [](const Description& d) { return join(d.transports); });
  same("SYMMEM_REQUIRE", [](const Description& d) { return join(d.require); });
}

}  // namespace symmem
