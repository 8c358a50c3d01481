// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <utility>

namespace symmem {

/// Owns one thing that a C API hands out and takes back. `Release` runs once, in the destructor,
/// and its result is ignored: by then nobody can act on it.
template <typename T, auto Release, T kNone = T{}>
class Handle {
 public:
  Handle() = default;
  explicit Handle(T value) : value_(value) {}
  Handle(Handle&& other) noexcept : value_(std::exchange(other.value_, kNone)) {}
  Handle& operator=(Handle other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Handle() {
    if (value_ != kNone) static_cast<void>(Release(value_));
  }

  T get() const { return value_; }
  T release() { return std::exchange(value_, kNone); }
  explicit operator bool() const { return value_ != kNone; }

 private:
  T value_ = kNone;
};

using Fd = Handle<int, ::close, -1>;

}  // namespace symmem
