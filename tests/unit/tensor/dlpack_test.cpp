// SPDX-License-Identifier: Apache-2.0
#include "symmem/dlpack.hpp"

#include <doctest/doctest.h>

#include "harness/errors.hpp"
#include "symmem/tensor.hpp"

using namespace symmem;
using namespace symmem::harness;
using Values = std::vector<std::int64_t>;

namespace {

/// A tensor of another library, with two rows and three columns. It counts the calls of its
/// deleter.
struct Foreign {
  std::int32_t data[8] = {9, 9, 0, 1, 2, 3, 4, 5};
  std::int64_t shape[2] = {2, 3};
  std::int64_t strides[2] = {3, 1};
  int deleted = 0;
  DLManagedTensorVersioned managed{};

  Foreign() {
    managed.manager_ctx = this;
    managed.deleter = [](DLManagedTensorVersioned* self) {
      ++static_cast<Foreign*>(self->manager_ctx)->deleted;
    };
    managed.dl_tensor = {data, {1, 0}, 2, {0, 32, 1}, shape, strides, 8};
  }
};

}  // namespace

TEST_CASE(
    "a tensor that is exported and imported again equals the original and keeps its storage "
    "alive") {
  std::weak_ptr<void> watch;
  DLManagedTensorVersioned* out = nullptr;
  void* at = nullptr;
  {
    auto storage = std::make_shared<std::vector<float>>(100, 1.5f);
    watch = storage;
    at = storage->data() + 5;
    const Tensor tensor(at, {4, 3}, {20, 2}, kFloat32, {}, storage);
    out = tensor.to_dlpack();
  }
  CHECK(out->version.major == 1);
  CHECK(out->dl_tensor.data == at);
  CHECK(out->dl_tensor.ndim == 2);
  CHECK(out->dl_tensor.device.device_type == 1);
  CHECK(out->dl_tensor.byte_offset == 0);
  {
    const Tensor back = Tensor::from_dlpack(out);
    CHECK(back.data() == at);
    CHECK(back.sizes() == Values{4, 3});
    CHECK(back.strides() == Values{20, 2});
    CHECK(back.dtype() == kFloat32);
    CHECK(*back.data<float>() == 1.5f);
    CHECK_FALSE(watch.expired());
  }
  CHECK(watch.expired());
}

TEST_CASE("an imported foreign tensor keeps its offset and is deleted once") {
  Foreign foreign;
  {
    const Tensor tensor = Tensor::from_dlpack(&foreign.managed);
    CHECK(tensor.data<std::int32_t>()[5] == 5);
    const Tensor copy = tensor.narrow(0, 1, 1);
    CHECK(*copy.data<std::int32_t>() == 3);
    CHECK(foreign.deleted == 0);
  }
  CHECK(foreign.deleted == 1);
}

TEST_CASE("an imported tensor may have neither strides (then it is row-major) nor a deleter") {
  Foreign foreign;
  foreign.managed.dl_tensor.strides = nullptr;
  foreign.managed.deleter = nullptr;
  CHECK(Tensor::from_dlpack(&foreign.managed).strides() == Values{3, 1});
}

TEST_CASE("from_dlpack refuses an unsupported tensor, but calls its deleter") {
  const auto refused = [](Errc code, const std::function<void(Foreign&)>& spoil) {
    Foreign foreign;
    spoil(foreign);
    check_error([&] { Tensor::from_dlpack(&foreign.managed); }, code);
    CHECK(foreign.deleted == 1);
  };
  refused(Errc::unsupported, [](Foreign& f) { f.managed.version.major = 2; });
  refused(Errc::invalid_argument, [](Foreign& f) { f.managed.dl_tensor.ndim = -1; });
  refused(Errc::invalid_argument, [](Foreign& f) { f.managed.dl_tensor.shape = nullptr; });
  refused(Errc::invalid_argument, [](Foreign& f) { f.shape[0] = -2; });
  refused(Errc::invalid_argument, [](Foreign& f) { f.strides[0] = -3; });
  refused(Errc::invalid_argument, [](Foreign& f) { f.managed.dl_tensor.dtype.bits = 0; });
  check_error([] { Tensor::from_dlpack(nullptr); }, Errc::invalid_argument, {"null"});
}

TEST_CASE("a scalar needs no shape") {
  Foreign foreign;
  foreign.managed.dl_tensor.ndim = 0;
  foreign.managed.dl_tensor.shape = foreign.managed.dl_tensor.strides = nullptr;
  const Tensor tensor = Tensor::from_dlpack(&foreign.managed);
  CHECK(tensor.numel() == 1);
  CHECK(tensor.extent() == 4);
}
