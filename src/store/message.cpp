// SPDX-License-Identifier: Apache-2.0
#include "store/message.hpp"

#include <algorithm>
#include <array>

#include "base/check.hpp"
#include "base/wire.hpp"
#include "store/limits.hpp"

namespace symmem::store {
namespace {

constexpr std::size_t kAny = kMaxListEntries + 1;

/// The required number of keys, values and numbers in a request of one kind.
struct Form {
  Kind kind;
  std::string_view name;
  std::size_t keys, values, numbers;
};

constexpr auto kForms = std::to_array<Form>({
    {Kind::set, "set", kAny, kAny, 0},            // keys; one value per key
    {Kind::get, "get", kAny, 0, 0},               // keys
    {Kind::add, "add", 1, 0, 1},                  // key; amount
    {Kind::compare_set, "compare_set", 1, 2, 0},  // key; expected, desired
    {Kind::wait, "wait", kAny, 0, 0},             // keys
    {Kind::check, "check", kAny, 0, 0},           // keys
    {Kind::append, "append", 1, 1, 0},            // key; value
    {Kind::remove, "delete_key", 1, 0, 0},        // key
    {Kind::num_keys, "num_keys", 0, 0, 0},        //
    {Kind::list, "list", 1, 0, 0},                // prefix
    {Kind::barrier, "barrier", 1, 0, 1},          // key; count
    {Kind::join, "join", 1, 1, 4},                // group; host; rank, world size, pid, process id
    {Kind::gather, "gather", 2, 1, 1},            // group id, key; value; rank
    {Kind::end, "end", 1, 0, 1},                  // group id; rank
    {Kind::leave, "leave", 1, 0, 1},              // group id; rank
    {Kind::ping, "ping", 0, 0, 0},                //
});

const Form* find_form(Kind kind) {
  const auto form =
      std::find_if(kForms.begin(), kForms.end(), [&](const Form& row) { return row.kind == kind; });
  return form == kForms.end() ? nullptr : form;
}

void require_count(const Form& form, std::string_view what, std::size_t count, std::size_t wanted) {
  if (wanted == kAny)
    require(count <= kMaxListEntries, Errc::invalid_argument,
            "{} with {} {}; a request may have at most {}", form.name, count, what,
            kMaxListEntries);
  else
    require(count == wanted, Errc::invalid_argument, "{} requires {} {}, not {}", form.name, wanted,
            what, count);
}

void require_size(const Form& form, std::string_view what, std::string_view entry,
                  std::size_t most) {
  require(entry.size() <= most, Errc::invalid_argument,
          "{} with a {} of {} bytes; at most {} are allowed", form.name, what, entry.size(), most);
}

template <typename List>
void put_list(Writer& out, const List& list) {
  out.put(static_cast<std::uint32_t>(list.size()));
  for (const auto& entry : list) out.put(entry);
}

/// Reads the length of a list whose entries have at least `entry_bytes` bytes, and checks the
/// length against the remaining bytes.
std::size_t read_count(Reader& in, std::size_t entry_bytes, std::size_t most) {
  const std::size_t count = in.get<std::uint32_t>();
  require(count <= in.left() / entry_bytes, Errc::invalid_argument,
          "store message is cut short: a list of {} entries in {} bytes", count, in.left());
  require(count <= most, Errc::invalid_argument,
          "store message with a list of {} entries; at most {} are allowed", count, most);
  return count;
}

void read_views(Reader& in, std::vector<std::string_view>& views) {
  views.resize(read_count(in, 4, kMaxListEntries));
  for (std::string_view& view : views) view = in.raw(in.get<std::uint32_t>());
}

void read_numbers(Reader& in, std::vector<std::uint64_t>& numbers, std::size_t most) {
  numbers.resize(read_count(in, 8, most));
  for (std::uint64_t& number : numbers) number = in.get<std::uint64_t>();
}

}  // namespace

std::string_view name(Kind kind) {
  const Form* form = find_form(kind);
  return form ? form->name : "unknown command";
}

void validate(const Request& request) {
  const Form* form = find_form(request.kind);
  require(form != nullptr, Errc::invalid_argument, "the store has no command {}",
          static_cast<std::uint32_t>(request.kind));
  require_count(*form, "keys", request.keys.size(), form->keys);
  require_count(*form, "values", request.values.size(), form->values);
  require_count(*form, "numbers", request.numbers.size(), form->numbers);
  require(request.kind != Kind::set || request.keys.size() == request.values.size(),
          Errc::invalid_argument, "set of {} keys with {} values", request.keys.size(),
          request.values.size());
  for (const std::string_view key : request.keys) require_size(*form, "key", key, kMaxKeyBytes);
  for (const std::string_view value : request.values)
    require_size(*form, "value", value, kMaxValueBytes);
}

std::string encode(const Request& request) {
  Writer out;
  out.put(static_cast<std::uint64_t>(request.timeout.count()));
  put_list(out, request.keys);
  put_list(out, request.values);
  put_list(out, request.numbers);
  return std::move(out).bytes();
}

void decode(const Frame& frame, Request& request) {
  Reader in(frame.body, "store request");
  request.kind = frame.kind;
  // Limited to a century, so that the sum with a time point does not overflow.
  constexpr std::uint64_t kForEver = std::chrono::milliseconds(std::chrono::hours(876'000)).count();
  request.timeout = std::chrono::milliseconds(std::min(in.get<std::uint64_t>(), kForEver));
  read_views(in, request.keys);
  read_views(in, request.values);
  read_numbers(in, request.numbers, kMaxListEntries);
  in.finish();
}

// A reply begins with one byte: 0 for success, otherwise the error code plus one.

std::string encode_reply(std::span<const std::string_view> values,
                         std::span<const std::uint64_t> numbers) {
  // Checked before the encoding, because one request may contain the key of a large value many
  // times.
  std::size_t bytes = 1 + 4 + 4 + 8 * numbers.size();
  for (const std::string_view value : values) bytes += 4 + value.size();
  if (bytes > kMaxFrameBytes)
    return encode_failure(
        Errc::invalid_argument,
        fmt::format("the reply has {} bytes; the limit is {}: request fewer values", bytes,
                    kMaxFrameBytes));
  Writer out;
  out.put(std::uint8_t{0});
  put_list(out, values);
  put_list(out, numbers);
  return std::move(out).bytes();
}

std::string encode_reply(std::uint64_t number) { return encode_reply({}, std::span(&number, 1)); }

std::string encode_failure(Errc code, std::string_view text) {
  return Writer().put(static_cast<std::uint8_t>(static_cast<int>(code) + 1)).put(text).bytes();
}

Reply decode_reply(std::string_view body) {
  Reply reply;
  std::uint8_t status = 0;
  std::string text;
  try {
    Reader in(body, "store reply");
    status = in.get<std::uint8_t>();
    if (status == 0) {
      reply.values = in.strings();
      read_numbers(in, reply.numbers, kMaxFrameBytes);
    } else {
      text = in.string();
      require(status - 1 <= static_cast<int>(Errc::internal), Errc::internal,
              "store reply has the unknown status {}", status);
    }
    in.finish();
  } catch (const Error& error) {
    throw Error(Errc::internal, error.what());
  }
  if (status != 0) throw Error(static_cast<Errc>(status - 1), std::move(text));
  return reply;
}

std::string encode(const MembersGone& event) {
  Writer out;
  out.put(std::string_view(event.group_id))
      .put(static_cast<std::uint8_t>(event.how))
      .put(std::string_view(event.reason))
      .put(static_cast<std::uint32_t>(event.ranks.size()));
  for (const int rank : event.ranks) out.put(static_cast<std::uint32_t>(rank));
  return out.bytes();
}

MembersGone decode_members_gone(std::string_view body) {
  Reader in(body, "store push");
  MembersGone event;
  event.group_id = in.string();
  event.how = in.get<std::uint8_t>() == 0 ? Departure::left : Departure::lost;
  event.reason = in.string();
  for (auto count = in.get<std::uint32_t>(); count > 0; --count)
    event.ranks.push_back(static_cast<int>(in.get<std::uint32_t>()));
  in.finish();
  return event;
}

}  // namespace symmem::store
