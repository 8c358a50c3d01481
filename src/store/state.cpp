// SPDX-License-Identifier: Apache-2.0
#include "store/state.hpp"

#include "base/error_location.hpp"

namespace symmem::store {

void State::handle(Ticket ticket, const Request& request, Clock::time_point now) {
  try {
    validate(request);
    dispatch(ticket, request, now);
  } catch (const Error& error) {
    outbox_.reply(ticket, encode_failure(error.code(), text_without_location(error)));
  }
}

void State::dispatch(Ticket ticket, const Request& request, Clock::time_point now) {
  switch (request.kind) {
    case Kind::set: return keys_.set(ticket, request);
    case Kind::get:
    case Kind::wait: return keys_.await(ticket, request, now);
    case Kind::add: return keys_.add(ticket, request);
    case Kind::compare_set: return keys_.compare_set(ticket, request);
    case Kind::check: return keys_.check(ticket, request);
    case Kind::append: return keys_.append(ticket, request);
    case Kind::remove: return keys_.remove(ticket, request);
    case Kind::num_keys: return keys_.count(ticket);
    case Kind::list: return keys_.list(ticket, request);
    case Kind::barrier: return barriers_.enter(ticket, request, now);
    case Kind::join: return joins_.join(ticket, request, now);
    case Kind::gather: return groups_.gather(ticket, request, now);
    case Kind::end: return groups_.end(ticket, request, now);
    case Kind::leave: return groups_.leave(ticket, request, now);
    default:  // Only ping: validate() refuses unknown kinds.
      return outbox_.reply(ticket, encode_reply({}));
  }
}

void State::drop(ClientId client, const std::string& reason, Clock::time_point now) {
  keys_.drop(client);
  barriers_.drop(client);
  joins_.drop(client, reason);
  groups_.drop(client, reason, now);
}

}  // namespace symmem::store
