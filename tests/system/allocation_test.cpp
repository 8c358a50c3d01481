// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstring>

#include "symmem/extend/allocator.hpp"
#include "system/system.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

std::size_t bytes_of(Context& context, std::vector<std::int64_t> sizes,
                     std::vector<std::int64_t> strides, DataType dtype = kFloat32) {
  const Tensor tensor = empty_strided_p2p(context, sizes, strides, dtype);
  const std::size_t bytes = context.get_allocator(DeviceType::host)->get_alloc_size(tensor.data());
  CHECK(bytes == tensor.extent());
  std::memset(tensor.data(), 1, bytes);  // All bytes are writable.
  return bytes;
}

}  // namespace

TEST_CASE("the strides of a tensor determine its size in bytes") {
  Context context(options_of(0, 1));
  CHECK(bytes_of(context, {3, 4}, {4, 1}) == 48);
  CHECK(bytes_of(context, {3, 4}, {10, 1}) == (2 * 10 + 3 + 1) * 4);
  CHECK(bytes_of(context, {3, 4}, {1, 3}) == 48);
  CHECK(bytes_of(context, {1000}, {0}) == 4);
  CHECK(bytes_of(context, {1000, 1}, {0, 500}) == 4);
  CHECK(bytes_of(context, {}, {}) == 4);
  CHECK(bytes_of(context, {5, 0, 7}, {100, 100, 100}) == 0);
  CHECK(bytes_of(context, {3}, {1}, DataType{2, 32, 4}) == 48);
}

TEST_CASE("allocations are aligned, disjoint, and zero if the memory was not used before") {
  Context context(options_of(0, 1));
  std::vector<Tensor> tensors;
  for (const std::int64_t bytes : {0, 0, 1, 255, 256, 257, 3 << 20, 1}) {
    const Tensor tensor = bytes_tensor(context, bytes);
    CHECK(reinterpret_cast<std::uintptr_t>(tensor.data()) % 256 == 0);
    const auto* at = tensor.data<unsigned char>();
    CHECK(std::all_of(at, at + bytes, [](unsigned char byte) { return byte == 0; }));
    for (const Tensor& other : tensors)
      CHECK((at >= other.data<unsigned char>() + other.extent() || at + bytes <= other.data()));
    for (const Tensor& other : tensors) CHECK(other.data() != tensor.data());
    tensors.push_back(tensor);
  }
}

TEST_CASE("negative and overflowing sizes and strides are refused") {
  Context context(options_of(0, 1));
  const auto refused = [&](std::vector<std::int64_t> sizes, std::vector<std::int64_t> strides,
                           const std::string& why, DataType dtype = kInt32) {
    check_error([&] { empty_strided_p2p(context, sizes, strides, dtype); }, Errc::invalid_argument,
                {why});
  };
  refused({-1}, {1}, "[-1]");
  refused({2}, {-1}, "[-1]");
  refused({0, -5}, {1, 1}, "negative");
  refused({2, 2}, {1}, "differ in length");
  refused({2}, {INT64_MAX}, "overflow");
  refused({INT64_MAX}, {1}, "overflow");
  refused({INT64_MAX, INT64_MAX}, {INT64_MAX, 1}, "overflow", kInt8);
  refused({1 << 20, 1 << 20, 1 << 20, 1 << 20}, {1ll << 60, 1ll << 40, 1 << 20, 1}, "overflow");
  refused({4}, {1}, "no size", DataType{2, 0, 1});
  refused({4}, {1}, "no size", DataType{2, 32, 0});
}

TEST_CASE(
    "a request that exceeds the available memory is refused, and the error states the limits") {
  Context context(options_of(0, 1));
  check_error([&] { bytes_tensor(context, 1ll << 50); }, Errc::exhausted,
              {"1125899906842624 bytes", "MemAvailable", "cgroup"});
  check_error([&] { bytes_tensor(context, INT64_MAX); }, Errc::exhausted);
  check_error([&] { context.get_allocator(DeviceType::host)->alloc(SIZE_MAX, 0, kWorld); },
              Errc::exhausted);
  CHECK_NOTHROW(bytes_tensor(context, 100));
}

TEST_CASE("an unknown device or group is refused, and the error names it") {
  Context context(options_of(0, 1));
  const auto on = [&](Device device, const std::string& group) {
    return
        [&context, device, group] { empty_strided_p2p(context, {4}, {1}, kInt32, device, group); };
  };
  check_error(on({static_cast<DeviceType>(7), 0}, kWorld), Errc::unsupported,
              {"device type 7", "registered types: ", "host"});
  check_error([&] { context.get_allocator(static_cast<DeviceType>(-3)); }, Errc::unsupported,
              {"device type -3"});
  check_error(on({DeviceType::host, 1}, kWorld), Errc::invalid_argument, {"index 1"});
  check_error(on({}, "nobody"), Errc::invalid_argument, {"\"nobody\"", "set_group_info"});
  check_error(on({}, ""), Errc::invalid_argument, {"\"\""});
}

TEST_CASE("the allocator finds an allocation by any pointer into it") {
  Context context(options_of(0, 1));
  const auto allocator = context.get_allocator(DeviceType::host);
  auto* at = static_cast<std::byte*>(allocator->alloc(1000, 0, kWorld));
  CHECK(allocator->get_alloc_size(at) == 1000);
  CHECK(allocator->get_alloc_size(at + 999) == 1000);
  CHECK_FALSE(allocator->is_rendezvous_completed(at + 500));
  CHECK_FALSE(allocator->has_multicast_support(0));
  CHECK(allocator->get_symmetric_memory(at, kWorld) == nullptr);
  const auto memory = allocator->rendezvous(at + 500, kWorld);
  CHECK(allocator->is_rendezvous_completed(at + 500));
  CHECK(allocator->get_symmetric_memory(at + 1, kWorld) == memory);
  CHECK(get_buffer_ptrs(*memory)[0] == at);  // The start of the allocation, not the pointer given.
  memory->close();
  CHECK_FALSE(allocator->is_rendezvous_completed(at));
  CHECK(allocator->get_symmetric_memory(at, kWorld) == nullptr);

  int foreign = 0;
  check_error([&] { allocator->get_alloc_size(&foreign); }, Errc::invalid_argument,
              {"not symmetric memory"});
  check_error([&] { allocator->is_rendezvous_completed(nullptr); }, Errc::invalid_argument);
  check_error([&] { allocator->free(at + 1); }, Errc::invalid_argument);
  allocator->free(at);
  check_error([&] { allocator->free(at); }, Errc::invalid_argument, {"freed before"});
  check_error([&] { allocator->get_alloc_size(at); }, Errc::invalid_argument);
}

TEST_CASE("free refuses memory that a tensor owns") {
  Context context(options_of(0, 1));
  const auto allocator = context.get_allocator(DeviceType::host);
  void* at = nullptr;
  {
    const Tensor tensor = bytes_tensor(context, 100);
    at = tensor.data();
    check_error([&] { allocator->free(at); }, Errc::invalid_argument,
                {"belongs to a Buffer, a Tensor or an alloc_id"});
    CHECK(allocator->get_alloc_size(at) == 100);
  }
  CHECK(allocator->alloc(100, 0, kWorld) == at);  // The tensor freed the range, once.
  CHECK(allocator->alloc(100, 0, kWorld) != at);
  {
    const Tensor persistent = bytes_tensor(context, 100, kWorld, 7);
    at = persistent.data();
  }
  check_error([&] { allocator->free(at); }, Errc::invalid_argument, {"alloc_id"});
}

TEST_CASE("rendezvous of a view returns the rendezvous of its whole allocation") {
  run_threads(2, [](Context& context) {
    const Tensor tensor = empty_strided_p2p(context, {8, 16}, {16, 1}, kInt32);
    const auto memory = rendezvous(context, tensor.narrow(0, 3, 2));
    CHECK(memory->buffer_size() == 8 * 16 * 4);
    CHECK(get_buffer_ptrs(*memory)[static_cast<std::size_t>(context.rank())] == tensor.data());
    CHECK(get_symmetric_memory(context, tensor) == memory);
    CHECK(get_symmetric_memory(context, tensor.narrow(1, 1, 1)) == memory);
    memory->close();
    check_error([&] { get_symmetric_memory(context, tensor); }, Errc::invalid_argument,
                {"no rendezvous in the tensor's group"});
    check_error([&] { get_symmetric_memory(context, tensor, kWorld); }, Errc::invalid_argument,
                {"no rendezvous in group \"world\""});
  });
}
