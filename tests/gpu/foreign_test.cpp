// SPDX-License-Identifier: Apache-2.0
// Tests of the rendezvous of memory that the application allocated with a CUDA allocator.
#include <optional>

#include "gpu/driver.hpp"
#include "gpu/test_gpu.hpp"
#include "harness/network.hpp"

using namespace symmem;
using namespace symmem::gpu;

namespace {

constexpr std::size_t kBytes = 1 << 20;

/// RAII: GPU memory that is allocated with cuMemCreate and mapped with cuMemMap.
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
    // The mapping keeps the memory allocated.
    cuda::check(driver.MemRelease(memory), "cuMemRelease");
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

/// Checks the host calls, which work over every route. Makes no CUDA call that synchronises the
/// device: ranks may be threads that share a device and would wait for each other.
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

/// Collective. Performs a rendezvous on the first kBytes of the memory.
template <typename Memory>
std::shared_ptr<SymmetricMemory> rendezvous_of(Context& context, const Memory& owned) {
  return context.rendezvous(std::span(owned.data(), kBytes), gpu_of(context));
}

/// Performs a rendezvous on the memory and checks the host calls. Returns the transport to the next
/// rank.
template <typename Memory>
std::string share_and_use(Context& context, const Memory& owned) {
  const auto memory = rendezvous_of(context, owned);
  const std::string transport = memory->route(next_of(context)).transport;
  use(context, *memory);
  memory->close();
  return transport;
}

}  // namespace

TEST_CASE("several Contexts of one process share memory from cudaMalloc") {
  if (!harness::can_use_gpu()) return;
  harness::run_threads(3, [](Context& context) {
    ok(cudaSetDevice(device_of(context)));
    const PlainMemory owned;
    for (int i = 0; i < 2; ++i) CHECK(share_and_use(context, owned) == "cuda_ipc");
  });
}

TEST_CASE("several Contexts of one process share memory that symmem allocated") {
  if (!harness::can_use_gpu()) return;
  harness::run_threads(3, [](Context& context) {
    ok(cudaSetDevice(device_of(context)));
    const Words words(context, kBytes / 8);
    CHECK(words->route(next_of(context)).transport == "cuda_ipc");
    use(context, *words.memory);
    words->close();
  });
}

TEST_CASE("the application's virtual memory can be shared if it can be exported as a descriptor") {
  on_gpus(
      [](Context& context) {
        const VirtualMemory owned(device_of(context), CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR);
        for (int i = 0; i < 2; ++i) CHECK(share_and_use(context, owned) == "cuda_ipc");
      },
      {2, 4});
}

TEST_CASE(
    "rendezvous refuses virtual memory that cannot be exported as a handle and gives the reason") {
  on_gpus(
      [](Context& context) {
        const VirtualMemory owned(device_of(context), CU_MEM_HANDLE_TYPE_NONE);
        check_error([&] { rendezvous_of(context, owned); }, Errc::unsupported,
                    {"cuda_ipc", "cannot be shared by a handle"});
      },
      {2}, with({{"SYMMEM_TRANSPORTS", "cuda_ipc"}}));
}

TEST_CASE("ranks on other hosts access the application's memory through ucx or ucx_staged") {
  if (!harness::can_use_gpu() || !harness::can_use_ucx()) return;
  on_gpus(
      [](Context& context) {
        const PlainMemory plain;
        CHECK(share_and_use(context, plain).starts_with("ucx"));
        // Network transports do not require an exported handle.
        const VirtualMemory unshared(device_of(context), CU_MEM_HANDLE_TYPE_NONE);
        CHECK(share_and_use(context, unshared).starts_with("ucx"));
      },
      {2}, harness::on_hosts(2));
}

TEST_CASE("ranks on other hosts access the application's memory through ucx if UCX supports CUDA") {
  if (!harness::can_use_ucx_with_cuda()) return;
  on_gpus(
      [](Context& context) {
        const PlainMemory owned;
        CHECK(share_and_use(context, owned) == "ucx");
      },
      {2, 4}, harness::on_hosts(4));
}
