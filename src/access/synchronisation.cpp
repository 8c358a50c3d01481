// SPDX-License-Identifier: Apache-2.0
#include <exception>

#include "access/memory_impl.hpp"
#include "base/doorbell.hpp"
#include "group/collective.hpp"

namespace symmem {

void SymmetricMemory::Impl::flush(int peer, Timeout timeout) const {
  check_rank(peer, "flush");
  // Stores through a pointer need no completion; the fence orders them before later stores. A key
  // is flushed even if the peer is lost, because the flush releases the caller's buffers.
  if (tables.buffers[static_cast<std::size_t>(peer)] != nullptr)
    full_fence();
  else
    by_key(peer, "flush", timeout, [](BlockKey& key, std::size_t, Wait& wait) { key.flush(wait); });
  group->check_peer(peer, "flush");
}

void SymmetricMemory::Impl::flush_all(const Deadline& deadline) const {
  std::exception_ptr first;
  for (int r = 0; r < group->world_size(); ++r) try {
      flush(r, deadline.remaining());
    } catch (const Error&) {
      if (!first) first = std::current_exception();
    }
  if (first) std::rethrow_exception(first);
}

void SymmetricMemory::flush(int peer, Timeout timeout) {
  Group::check_timeout(timeout);
  impl_->check_open("flush");
  impl_->flush(peer, timeout);
  impl_->check_usable("flush");
}

void SymmetricMemory::flush(Timeout timeout) {
  Group::check_timeout(timeout);
  impl_->check_open("flush");
  impl_->flush_all(impl_->group->deadline(timeout));
  impl_->check_usable("flush");
}

void SymmetricMemory::put_signal(int peer, int channel, Timeout timeout) {
  Group::check_timeout(timeout);
  impl_->reach(peer, 0, 0, "put_signal");
  impl_->signals->check_channel(channel, "put_signal");
  impl_->signals->put(peer, channel, timeout);
}

void SymmetricMemory::wait_signal(int peer, int channel, Timeout timeout) {
  Group::check_timeout(timeout);
  impl_->check_usable("wait_signal");
  impl_->check_rank(peer, "wait_signal");
  impl_->group->check_peer(rank(), "wait_signal");
  impl_->signals->check_channel(channel, "wait_signal");
  impl_->signals->wait(peer, channel, timeout);
}

void SymmetricMemory::barrier(int channel, Timeout timeout) {
  Group::check_timeout(timeout);
  impl_->check_usable("barrier");
  impl_->group->check_peer(rank(), "barrier");
  impl_->signals->check_channel(channel, "barrier");
  impl_->signals->barrier(channel, timeout);
}

void SymmetricMemory::close(Timeout timeout) {
  const auto keep = shared_from_this();  // `holder` may release this object during this call.
  const auto holder = impl_->holder.lock();
  impl_->check_open("close");  // After lock(): if open, `holder` is not null.
  const Deadline deadline = impl_->group->deadline(timeout);
  Collective collective(*impl_->group, "close", deadline);
  try {
    collective.run([&] {
      const auto flush_and_identify = [&] {
        impl_->flush_all(deadline);
        return impl_->serial;
      };
      for (const std::string& serial : collective.gather(flush_and_identify))
        require(serial == impl_->serial, Errc::invalid_argument,
                "the ranks closed different SymmetricMemory objects; close them in the same order "
                "on all ranks");
    });
  } catch (...) {  // An application's Store may throw any type.
    impl_->detach(/*ok=*/false);
    holder->on_closed(*this, /*ok=*/false);
    throw;
  }
  impl_->detach(/*ok=*/true);
  holder->on_closed(*this, /*ok=*/true);
}

}  // namespace symmem
