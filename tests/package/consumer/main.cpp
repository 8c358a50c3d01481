// SPDX-License-Identifier: Apache-2.0
// A user's program: includes public headers only, uses symmetric memory with one rank on the host
// and on a GPU (if present), and catches a symmem exception by its base class.
#include <cstdint>
#include <cstdio>
#include <exception>
#include <span>
#include <symmem/cuda.hpp>
#include <symmem/key_value_store.hpp>
#include <symmem/symmem.hpp>

namespace {

bool add_to_a_word_fails() {
  const auto store = symmem::make_hash_store();
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

bool a_rank_accesses_its_memory() {
  symmem::Context context;
  const auto words = context.allocate<std::int64_t>(4);
  const auto memory = context.rendezvous(words);
  const std::int64_t sent = 7;
  memory->put(0, 0, std::span(&sent, 1));
  memory->flush();
  const bool same = words.data()[0] == sent;
  memory->close();
  return same;
}

/// Uses a stream and views without a CUDA header. Returns true also if there is no GPU.
bool a_rank_accesses_its_gpu() {
  symmem::Context context;
  symmem::Buffer<std::int64_t> words;
  try {
    words = context.allocate<std::int64_t>(4, symmem::Device::cuda(0));
  } catch (const symmem::Error& error) {
    std::printf("%s: %s\n", symmem::to_string(error.code()).data(), error.what());
    return error.code() == symmem::Errc::unsupported;
  }
  const auto memory = context.rendezvous(words);
  const std::int64_t sent = 7;
  std::int64_t got = 0;
  memory->on(symmem::Stream::legacy_default()).put_with_signal(0, 0, std::span(&sent, 1), 1);
  memory->wait_signal(0, 1);
  memory->get(0, 0, std::span(&got, 1));
  const symmem::DeviceView view = memory->device_view();
  memory->close();
  return got == sent && view.world_size == 1;
}

}  // namespace

int main() {
  return add_to_a_word_fails() && a_rank_accesses_its_memory() && a_rank_accesses_its_gpu() ? 0 : 1;
}
