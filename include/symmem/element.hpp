// SPDX-License-Identifier: Apache-2.0
/// Element: the types whose spans the typed puts and gets copy.
#pragma once

#include <cstddef>
#include <type_traits>

namespace symmem {

/// Trivially copyable types other than std::byte, whose spans the untyped calls take.
template <typename T>
concept Element =
    std::is_trivially_copyable_v<T> && !std::is_same_v<std::remove_cv_t<T>, std::byte>;

}  // namespace symmem
