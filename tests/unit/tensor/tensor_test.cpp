// SPDX-License-Identifier: Apache-2.0
#include "symmem/tensor.hpp"

#include <doctest/doctest.h>

#include <cstdint>

#include "harness/errors.hpp"

using namespace symmem;
using namespace symmem::harness;
using Values = std::vector<std::int64_t>;

namespace {

void refused(const std::function<void()>& call, const std::string& why) {
  check_error(call, Errc::invalid_argument, {why});
}

/// Returns an int32 tensor with the values 0, 1, 2, ...
Tensor counting(Values sizes) {
  auto storage = std::make_shared<std::vector<std::int32_t>>(1000);
  for (std::size_t i = 0; i < storage->size(); ++i) (*storage)[i] = static_cast<std::int32_t>(i);
  Values strides = contiguous_strides(sizes);
  void* data = storage->data();
  return {data, std::move(sizes), std::move(strides), kInt32, {}, std::move(storage)};
}

}  // namespace

TEST_CASE("contiguous_strides returns row-major strides and refuses sizes that overflow") {
  CHECK(contiguous_strides({}).empty());
  CHECK(contiguous_strides({2, 3, 4}) == Values{12, 4, 1});
  CHECK(contiguous_strides({2, 0, 4}) == Values{4, 4, 1});
  CHECK(contiguous_strides({1, 1}) == Values{1, 1});
  refused([] { contiguous_strides({4, INT64_MAX, 2}); }, "overflow");
}

TEST_CASE("the extent is the number of bytes up to the end of the last element") {
  CHECK(strided_extent({}, {}, kFloat64) == 8);
  CHECK(strided_extent({3, 4}, {4, 1}, kFloat32) == 48);
  CHECK(strided_extent({3, 4}, {100, 7}, kInt8) == 222);
  CHECK(strided_extent({9}, {0}, kInt16) == 2);
  CHECK(strided_extent({5, 0}, {INT64_MAX, INT64_MAX}, kInt64) == 0);
  CHECK(strided_extent({1}, {INT64_MAX}, kInt64) == 8);
  CHECK(strided_extent({INT64_MAX}, {1}, kInt8) == INT64_MAX);
  CHECK(strided_extent({8}, {1}, DataType{1, 4, 1}) == 8);  // A 4-bit type occupies one byte.
}

TEST_CASE("strided_extent refuses invalid sizes, strides and types") {
  refused([] { strided_extent({1}, {}, kInt8); }, "differ in length");
  refused([] { strided_extent({-1}, {1}, kInt8); }, "negative");
  refused([] { strided_extent({1}, {-1}, kInt8); }, "negative");
  refused([] { strided_extent({0}, {INT64_MIN}, kInt8); }, "negative");
  refused([] { strided_extent({INT64_MAX}, {1}, kInt16); }, "overflow");
  refused([] { strided_extent({2, 2}, {INT64_MAX / 2, INT64_MAX / 2 + 2}, kInt8); }, "overflow");
  refused([] { strided_extent({3}, {INT64_MAX / 2 + 1}, kInt8); }, "overflow");
  refused([] { strided_extent({1}, {1}, DataType{0, 0, 1}); }, "no size");
  refused([] { Tensor(nullptr, {-1}, {1}, kInt8, {}, nullptr); }, "negative");
}

TEST_CASE("to_string returns the name of an element type") {
  CHECK(to_string(kFloat32) == "float32");
  CHECK(to_string(kBfloat16) == "bfloat16");
  CHECK(to_string(kUint8) == "uint8");
  CHECK(to_string(DataType{9, 8, 1}) == "code 9 bits 8 lanes 1");
  CHECK(to_string(DataType{2, 32, 4}) == "code 2 bits 32 lanes 4");
  CHECK(DataType{2, 255, 65535}.bytes() == (255u * 65535u + 7) / 8);
}

TEST_CASE("views share the storage, which exists until the last view is destroyed") {
  Tensor tensor = counting({10, 10});
  Tensor view = tensor.as_strided({3}, {10}, 5);
  CHECK(view.data<std::int32_t>()[20] == 25);
  CHECK(view.extent() == 84);
  view = view.as_strided({2}, {20}, 0).narrow(0, 1, 1);
  tensor = Tensor();
  CHECK(*view.data<std::int32_t>() == 25);
  CHECK(view.numel() == 1);
  CHECK(view.dtype() == kInt32);
}

TEST_CASE("as_strided refuses a view that exceeds the tensor") {
  const Tensor tensor = counting({10, 10});
  CHECK_NOTHROW(tensor.as_strided({100}, {1}, 0));
  CHECK_NOTHROW(tensor.as_strided({0}, {1}, 100));
  refused([&] { tensor.as_strided({101}, {1}, 0); }, "exceed");
  refused([&] { tensor.as_strided({1}, {1}, 100); }, "exceed");
  refused([&] { tensor.as_strided({1}, {1}, -1); }, "exceed");
  refused([&] { tensor.as_strided({0}, {1}, 101); }, "exceed");
  refused([&] { tensor.as_strided({1}, {1}, INT64_MAX); }, "exceed");
  refused([&] { tensor.as_strided({2}, {INT64_MAX / 8}, 0); }, "exceed");
  refused([&] { tensor.as_strided({2}, {-1}, 5); }, "negative");
  refused([&] { Tensor().as_strided({1}, {1}, 0); }, "");
}

TEST_CASE("narrow selects indices of one dimension") {
  const Tensor tensor = counting({4, 5});
  const Tensor rows = tensor.narrow(0, 1, 2), columns = tensor.narrow(1, 3, 2);
  CHECK(rows.sizes() == Values{2, 5});
  CHECK(*rows.data<std::int32_t>() == 5);
  CHECK(columns.sizes() == Values{4, 2});
  CHECK(columns.strides() == Values{5, 1});
  CHECK(*columns.data<std::int32_t>() == 3);
  CHECK(tensor.narrow(1, 5, 0).numel() == 0);
  refused([&] { tensor.narrow(2, 0, 1); }, "dimension 2");
  refused([&] { tensor.narrow(-1, 0, 1); }, "dimension -1");
  refused([&] { tensor.narrow(0, 3, 2); }, "exceed");
  refused([&] { tensor.narrow(0, -1, 1); }, "exceed");
  refused([&] { tensor.narrow(0, 0, -1); }, "exceed");
  refused([&] { tensor.narrow(0, INT64_MAX, INT64_MAX); }, "exceed");
}

TEST_CASE("a tensor without memory is empty") {
  const Tensor none;
  CHECK(none.data() == nullptr);
  CHECK(none.extent() == 0);
}

TEST_CASE("numel refuses sizes whose product overflows") {
  int word = 0;
  const Tensor wide(&word, {INT64_MAX, 3}, {0, 0}, kInt32, {}, nullptr);
  refused([&] { wide.numel(); }, "overflow");
}
