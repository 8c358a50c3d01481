// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <utility>

namespace symmem {

/// An owner of one resource of a C API. The destructor calls `Release` and ignores its result,
/// because no caller could handle a failure.
template <typename T, auto Release, T kNone = T{}>
class UniqueHandle {
 public:
  UniqueHandle() = default;
  explicit UniqueHandle(T value) : value_(value) {}
  UniqueHandle(UniqueHandle&& other) noexcept : value_(std::exchange(other.value_, kNone)) {}
  UniqueHandle& operator=(UniqueHandle other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~UniqueHandle() {
    if (value_ != kNone) static_cast<void>(Release(value_));
  }

  T get() const { return value_; }
  T release() { return std::exchange(value_, kNone); }
  explicit operator bool() const { return value_ != kNone; }

 private:
  T value_ = kNone;
};

using Fd = UniqueHandle<int, ::close, -1>;

}  // namespace symmem
