// SPDX-License-Identifier: Apache-2.0
// Tests that calls work with any current device and CUDA context, and do not change the current
// device or context.
#include <cudaTypedefs.h>

#include <future>

#include "gpu/test_gpu.hpp"

using namespace symmem;
using namespace symmem::gpu;

namespace {

/// Driver functions that symmem does not call.
struct Driver {
  PFN_cuCtxGetCurrent_v4000 current = nullptr;
  PFN_cuCtxCreate_v3020 create = nullptr;
  PFN_cuCtxDestroy_v4000 destroy = nullptr;
  PFN_cuCtxSetCurrent_v4000 set_current = nullptr;

  Driver() {
    find("cuCtxGetCurrent", 4000, current);
    find("cuCtxCreate", 3020, create);
    find("cuCtxDestroy", 4000, destroy);
    find("cuCtxSetCurrent", 4000, set_current);
  }
  CUcontext now() const {
    CUcontext context = nullptr;
    CHECK(current(&context) == CUDA_SUCCESS);
    return context;
  }

 private:
  template <typename Function>
  static void find(const char* name, unsigned version, Function& function) {
    void* found = nullptr;
    cudaDriverEntryPointQueryResult result = cudaDriverEntryPointSymbolNotFound;
    ok(cudaGetDriverEntryPointByVersion(name, &found, version, cudaEnableDefault, &result));
    REQUIRE(result == cudaDriverEntryPointSuccess);
    function = reinterpret_cast<Function>(found);
  }
};

/// Makes all kinds of calls and checks after each step that `same()` returns true.
template <typename Same>
void call_all(Context& context, int device, cudaStream_t stream, Same same) {
  const auto buffer = context.allocate(1 << 20, Device::cuda(device));
  CHECK(same());
  const auto memory = context.rendezvous(buffer);
  CHECK(same());
  const int next = next_of(context), previous = previous_of(context);
  std::uint64_t word = 5, received = 0;
  memory->put(next, 0, std::span(&word, 1));
  memory->put_with_signal(next, 8, std::span(&word, 1), 0);
  memory->wait_signal(previous, 0);
  memory->fetch_add<std::uint64_t>(next, 16, 1);
  memory->flush();
  memory->barrier();
  memory->get(context.rank(), 0, std::span(&received, 1));
  CHECK(received == 5);
  CHECK(same());
  memory->on(stream).put_signal(next, 1);
  memory->on(stream).wait_signal(previous, 1);
  memory->on(stream).barrier(2);
  CHECK(same());
  memory->barrier();
  check_error([&] { memory->wait_signal(previous, 3, std::chrono::milliseconds(1)); },
              Errc::timeout);
  CHECK(same());
  memory->barrier(4);
  memory->close();
  CHECK(same());
}

}  // namespace

TEST_CASE("calls make no CUDA context current on a thread that has no current CUDA context") {
  on_gpus(
      [](Context& context) {
        const Driver driver;
        const TestStream stream;
        const int device = device_of(context);
        std::async(std::launch::async, [&] {
          REQUIRE(driver.now() == nullptr);
          call_all(context, device, stream, [&] { return driver.now() == nullptr; });
        }).get();
        stream.wait();
      },
      {2});
}

TEST_CASE("a CUDA context that the caller created stays current after each call") {
  on_gpus(
      [](Context& context) {
        const Driver driver;
        const TestStream stream;
        const int device = device_of(context);
        const CUcontext primary = driver.now();
        CUcontext own = nullptr;
        REQUIRE(driver.create(&own, 0, device) == CUDA_SUCCESS);
        CHECK(driver.now() == own);
        call_all(context, device, stream, [&] { return driver.now() == own; });
        CHECK(driver.set_current(primary) == CUDA_SUCCESS);
        stream.wait();
        CHECK(driver.destroy(own) == CUDA_SUCCESS);
      },
      {2});
}

TEST_CASE(
    "the current device stays current after each call, although the memory is on another device") {
  if (!harness::can_use_gpus(2)) return;
  on_gpus(
      [](Context& context) {
        const Driver driver;
        const TestStream stream;
        const int device = device_of(context), other = 1 - device;
        ok(cudaSetDevice(other));
        ok(cudaFree(nullptr));  // Creates the primary context of `other`.
        const CUcontext current = driver.now();
        call_all(context, device, stream, [&] {
          int now = -1;
          ok(cudaGetDevice(&now));
          return now == other && driver.now() == current;
        });
        ok(cudaSetDevice(device));
        stream.wait();
      },
      {2});
}
