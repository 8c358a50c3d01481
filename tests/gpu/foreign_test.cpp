// SPDX-License-Identifier: Apache-2.0
// Rendezvous of memory that the application allocated, by any allocator of CUDA.
#include <optional>

#include "gpu/driver.hpp"
#include "gpu/test_gpu.hpp"
#include "harness/network.hpp"

using namespace symmem;
using namespace symmem::gpu;

namespace {

constexpr std::size_t kBytes = 1 << 20;

/// Owns GPU memory of cuMemCreate and cuMemMap.
class VirtualMemory {
 public:
  VirtualMemory(int device, CUmemAllocationHandleType handles) {
    const auto& driver = cuda::Driver::get();
    CUmemAllocationProp properties{};
    properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, {device}};
    properties.requestedHandleTypes = handles;
    cuda::check(
        driver.MemGetAllocationGranularity(&bytes_, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM),
        "cuMemGetAllocationGranularity");
    bytes_ = (2 * kBytes + bytes_ - 1) / bytes_ * bytes_;
    CUmemGenericAllocationHandle memory = 0;
    cuda::check(driver.MemCreate(&memory, bytes_, &properties, 0), "cuMemCreate");
    cuda::check(driver.MemAddressReserve(&at_, bytes_, 0, 0, 0), "cuMemAddressReserve");
    cuda::check(driver.MemMap(at_, bytes_, 0, memory, 0), "cuMemMap");
    const CUmemAccessDesc access{properties.location, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    cuda::check(driver.MemSetAccess(at_, bytes_, &access, 1), "cuMemSetAccess");
    cuda::check(driver.MemRelease(memory), "cuMemRelease");  // The mapping keeps it.
  }
  ~VirtualMemory() {
    static_cast<void>(cuda::Driver::get().MemUnmap(at_, bytes_));
    static_cast<void>(cuda::Driver::get().MemAddressFree(at_, bytes_));
  }
  VirtualMemory(const VirtualMemory&) = delete;
  VirtualMemory& operator=(const VirtualMemory&) = delete;
  /// Returns an address inside the mapping.
  std::byte* data() const { return reinterpret_cast<std::byte*>(at_) + 4096; }

 private:
  CUdeviceptr at_ = 0;
  std::size_t bytes_ = 0;
};

class PlainMemory {
 public:
  PlainMemory() { ok(cudaMalloc(&at_, 2 * kBytes)); }
  ~PlainMemory() { static_cast<void>(cudaFree(at_)); }
  PlainMemory(const PlainMemory&) = delete;
  PlainMemory& operator=(const PlainMemory&) = delete;
  std::byte* data() const { return static_cast<std::byte*>(at_) + 4096; }

 private:
  void* at_ = nullptr;
};

/// Checks the host calls, which work over every route. Makes no CUDA call that waits for the whole
/// device: ranks may be threads that share it, and would wait for each other.
void use(const Context& context, SymmetricMemory& memory) {
  const int next = next_of(context), previous = previous_of(context);
  const auto mark = [](int rank, std::size_t i) {
    return 1000 * static_cast<std::uint64_t>(rank + 1) + i;
  };
  constexpr std::size_t kCount = kBytes / 4 / sizeof(std::uint64_t);
  std::vector<std::uint64_t> sent(kCount), expected(kCount), received(kCount);
  for (std::size_t i = 0; i < kCount; ++i) {
    sent[i] = mark(context.rank(), i);
    expected[i] = mark(previous, i);
  }
  const std::uint64_t zero = 0;
  memory.put(context.rank(), kBytes - 8, std::span(&zero, 1));
  memory.barrier();
  memory.put_with_signal(next, 0, std::span(sent), 0);
  memory.wait_signal(previous, 0);
  memory.get(context.rank(), 0, std::span(received));
  CHECK(received == expected);
  memory.get(next, 0, std::span(received));
  CHECK(received == sent);
  memory.fetch_add<std::uint64_t>(0, kBytes - 8, 1);
  memory.flush();
  memory.barrier();
  std::uint64_t count = 0;
  memory.get(0, kBytes - 8, std::span(&count, 1));
  CHECK(count == static_cast<std::uint64_t>(context.world_size()));
  memory.barrier();
}

/// Collective: rendezvous of kBytes of the memory.
template <typename Memory>
std::shared_ptr<SymmetricMemory> rendezvous_of(Context& context, const Memory& owned) {
  return context.rendezvous(std::span(owned.data(), kBytes), gpu_of(context));
}

/// Shares and uses the memory. Returns the transport to the next rank.
template <typename Memory>
std::string share_and_use(Context& context, const Memory& owned) {
  const auto memory = rendezvous_of(context, owned);
  const std::string transport = memory->route(next_of(context)).transport;
  use(context, *memory);
  memory->close();
  return transport;
}

}  // namespace

TEST_CASE("memory of cudaMalloc is shared by several Contexts of one process") {
  if (!harness::can_use_gpu()) return;
  harness::run_threads(3, [](Context& context) {
    ok(cudaSetDevice(device_of(context)));
    const PlainMemory owned;
    for (int i = 0; i < 2; ++i) CHECK(share_and_use(context, owned) == "cuda_ipc");
  });
}

TEST_CASE("memory of symmem is shared by several Contexts of one process") {
  if (!harness::can_use_gpu()) return;
  harness::run_threads(3, [](Context& context) {
    ok(cudaSetDevice(device_of(context)));
    const Words words(context, kBytes / 8);
    CHECK(words->route(next_of(context)).transport == "cuda_ipc");
    use(context, *words.memory);
    words->close();
  });
}

TEST_CASE("virtual memory of the application is shared if a descriptor exports it") {
  on_gpus(
      [](Context& context) {
        const VirtualMemory owned(device_of(context), CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR);
        for (int i = 0; i < 2; ++i) CHECK(share_and_use(context, owned) == "cuda_ipc");
      },
      {2, 4});
}

TEST_CASE("virtual memory that no handle exports is refused with the reason") {
  on_gpus(
      [](Context& context) {
        const VirtualMemory owned(device_of(context), CU_MEM_HANDLE_TYPE_NONE);
        check_error([&] { rendezvous_of(context, owned); }, Errc::unsupported,
                    {"cuda_ipc", "cannot be shared by a handle"});
      },
      {2}, with({{"SYMMEM_TRANSPORTS", "cuda_ipc"}}));
}

TEST_CASE("memory of the application is reached from other hosts, by UCX or staged") {
  if (!harness::can_use_gpu() || !harness::can_use_ucx()) return;
  on_gpus(
      [](Context& context) {
        const PlainMemory plain;
        CHECK(share_and_use(context, plain).starts_with("ucx"));
        // Network transports need no exported handle.
        const VirtualMemory unshared(device_of(context), CU_MEM_HANDLE_TYPE_NONE);
        CHECK(share_and_use(context, unshared).starts_with("ucx"));
      },
      {2}, harness::on_hosts(2));
}

TEST_CASE("memory of the application is reached from other hosts by a UCX that knows CUDA") {
  if (!harness::can_use_ucx_with_cuda()) return;
  on_gpus(
      [](Context& context) {
        const PlainMemory owned;
        CHECK(share_and_use(context, owned) == "ucx");
      },
      {2, 4}, harness::on_hosts(4));
}
