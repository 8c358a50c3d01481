// SPDX-License-Identifier: Apache-2.0
#include "gpu/test_gpu.hpp"

using namespace symmem;
using namespace symmem::gpu;

namespace {

constexpr std::size_t kBytes = 1 << 20, kOffset = 4096;

/// Puts bytes to the next rank on a stream and from the host, and counts all ranks with fetch_add.
void use(Context& context, SymmetricMemory& memory, std::byte* own) {
  const TestStream stream;
  const int rank = context.rank();
  memory.on(stream).put(next_of(context), 0, std::span(own + kBytes / 2, 1000));
  memory.on(stream).barrier();
  stream.wait();
  unsigned char received[2] = {};
  memory.get(rank, 999, std::span(received, 1));
  CHECK(received[0] == 40 + previous_of(context));
  const unsigned char mark = static_cast<unsigned char>(80 + rank);
  memory.put_with_signal(next_of(context), 2000, std::span(&mark, 1), 0);
  memory.wait_signal(previous_of(context), 0);
  memory.get(rank, 2000, std::span(received, 1));
  CHECK(received[0] == 80 + previous_of(context));
  memory.fetch_add<std::uint64_t>(0, 3000, 1);
  memory.barrier();
  std::uint64_t count = 0;
  memory.get(0, 3000, std::span(&count, 1));
  CHECK(count == static_cast<std::uint64_t>(context.world_size()));
  memory.close();
}

}  // namespace

TEST_CASE("memory from cudaMalloc can be shared from any start address in the allocation") {
  on_gpus(
      [](Context& context) {
        std::byte* whole = nullptr;
        ok(cudaMalloc(reinterpret_cast<void**>(&whole), 2 * kBytes));
        std::byte* const own = whole + kOffset;
        ok(cudaMemset(whole, 0, 2 * kBytes));
        ok(cudaMemset(own + kBytes / 2, 40 + context.rank(), 1000));
        ok(cudaDeviceSynchronize());
        for (int i = 0; i < 2; ++i) {
          const auto memory = context.rendezvous(std::span(own, kBytes), gpu_of(context));
          CHECK(memory->route(next_of(context)).transport == "cuda_ipc");
          use(context, *memory, own);
          ok(cudaMemset(own, 0, kBytes / 2));
          ok(cudaDeviceSynchronize());
        }
        ok(cudaFree(whole));
      },
      {2, 4});
}

TEST_CASE("a part of a virtual memory allocation that can be exported can be shared") {
  on_gpus(
      [](Context& context) {
        // symmem allocated this memory, but the rendezvous of a plain span treats it as the
        // application's memory.
        const auto buffer = context.allocate(8 * kBytes, gpu_of(context));
        std::byte* const own = buffer.data() + kOffset;
        ok(cudaMemset(own + kBytes / 2, 40 + context.rank(), 1000));
        ok(cudaDeviceSynchronize());
        const auto memory = context.rendezvous(std::span(own, kBytes), gpu_of(context));
        CHECK(memory->route(next_of(context)).transport == "cuda_ipc");
        use(context, *memory, own);
      },
      {2, 4});
}

TEST_CASE(
    "rendezvous fails on every rank if a span is misaligned or is not in the memory of the GPU") {
  on_gpus(
      [](Context& context) {
        const auto rendezvous = [&](void* memory, std::size_t bytes) {
          context.rendezvous(std::span(static_cast<std::byte*>(memory), bytes), gpu_of(context));
        };
        std::vector<std::byte> host(kBytes);
        std::byte* small = nullptr;
        ok(cudaMalloc(reinterpret_cast<void**>(&small), kBytes));
        check_error([&] { rendezvous(host.data(), kBytes); }, Errc::invalid_argument,
                    {"is not device memory of cuda:"});
        check_error([&] { rendezvous(small, std::size_t{1} << 40); }, Errc::invalid_argument,
                    {"exceed the memory of cuda:"});
        check_error([&] { rendezvous(small + 8, 8); }, Errc::invalid_argument,
                    {"not a multiple of 16", "packets"});
        check_error([&] { rendezvous(nullptr, kBytes); }, Errc::invalid_argument,
                    {"the span is null"});
        void* managed = nullptr;
        ok(cudaMallocManaged(&managed, 4096));
        check_error([&] { rendezvous(managed, 4096); }, Errc::invalid_argument, {"managed"});
        ok(cudaFree(managed));
        ok(cudaFree(small));
      },
      {2});
}

TEST_CASE("rendezvous refuses memory that cannot be exported as a handle and gives the reason") {
  on_gpus(
      [](Context& context) {
        const TestStream stream;
        void* pooled = nullptr;
        ok(cudaMallocAsync(&pooled, kBytes, stream));
        stream.wait();
        const std::span memory(static_cast<std::byte*>(pooled), kBytes);
        check_error([&] { context.rendezvous(memory, gpu_of(context)); }, Errc::unsupported,
                    {"cuda_ipc", "cannot be shared by a handle", "cudaMallocAsync"});
        ok(cudaFreeAsync(pooled, stream));
        stream.wait();
      },
      {2}, with({{"SYMMEM_TRANSPORTS", "cuda_ipc"}}));
}

TEST_CASE("rendezvous fails with the reason if the requested kind of handle is not available") {
  on_gpus(
      [](Context& context) {
        const auto buffer = context.allocate(4096, gpu_of(context));
        check_error([&] { context.rendezvous(buffer); }, Errc::unsupported,
                    {"cuda_ipc", "SYMMEM_CUDA_HANDLE=legacy"});
      },
      {2}, with({{"SYMMEM_TRANSPORTS", "cuda_ipc"}, {"SYMMEM_CUDA_HANDLE", "legacy"}}));
}
