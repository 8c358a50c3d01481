// SPDX-License-Identifier: Apache-2.0
// A user's program: public headers alone, symmetric memory of one rank on the host and on a GPU if
// there is one, and an exception and a cast that cross the library's boundary.
#include <cstdint>
#include <cstdio>
#include <exception>
#include <span>
#include <symmem/cuda.hpp>
#include <symmem/key_value_store.hpp>
#include <symmem/symmem.hpp>

namespace {

bool add_to_a_word_fails() {
  const std::shared_ptr<symmem::KeyValueStore> store = symmem::make_hash_store();
  store->set("word", "no number");
  try {
    store->add("word", 1);
  } catch (const symmem::Error& error) {
    const std::exception& base = error;
    std::printf("%s: %s\n", symmem::to_string(error.code()).data(), base.what());
    return error.code() == symmem::Errc::invalid_argument &&
           dynamic_cast<const symmem::Error*>(&base) == &error;
  }
  return false;
}

bool a_rank_reaches_its_memory() {
  symmem::Context context;
  const symmem::Tensor words = context.empty_strided_p2p({4}, {1}, symmem::kInt64);
  const auto memory = context.rendezvous(words);
  const std::int64_t sent = 7;
  memory->put(0, 0, &sent, sizeof sent);
  memory->flush();
  const bool same = words.data<std::int64_t>()[0] == sent;
  memory->close();
  return same;
}

/// Streams and views have no need of CUDA's headers. True where there is no GPU, too.
bool a_rank_reaches_its_gpu() {
  symmem::Context context;
  symmem::Tensor words;
  try {
    words = context.empty_strided_p2p({4}, {1}, symmem::kInt64, {symmem::DeviceType::cuda, 0});
  } catch (const symmem::Error& error) {
    std::printf("%s: %s\n", symmem::to_string(error.code()).data(), error.what());
    return error.code() == symmem::Errc::unsupported;
  }
  const auto memory = context.rendezvous(words);
  const std::int64_t sent = 7;
  std::int64_t came = 0;
  const auto stream = symmem::Stream::legacy_default();
  memory->on(stream).put_with_signal(0, 0, std::span(&sent, 1), 1);
  memory->wait_signal(0, 1);
  memory->get(0, 0, &came, sizeof came);
  const symmem::DeviceView view = memory->device_view();
  memory->close();
  return came == sent && view.world_size == 1;
}

}  // namespace

int main() {
  return add_to_a_word_fails() && a_rank_reaches_its_memory() && a_rank_reaches_its_gpu() ? 0 : 1;
}
