// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string_view>

#include "symmem/options.hpp"

namespace spdlog {
class logger;
}

namespace symmem {

/// A logger that writes lines to stderr: "[time] symmem host:pid rank 3 info: text". All threads
/// may log concurrently, and logging never throws. Each Context has its own Log, because several
/// ranks in one process print different rank numbers.
class Log {
 public:
  /// Drops lines below `level`. Level debug also turns on `error_locations_shown`.
  explicit Log(LogLevel level);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  /// Adds the rank to all later lines. Must be called before other threads log.
  void name_rank(int rank);

  bool shows(LogLevel level) const;
  template <typename... Args>
  void write(LogLevel level, fmt::format_string<Args...> format, Args&&... args) const noexcept {
    if (shows(level)) try {
        line(level, fmt::format(format, std::forward<Args>(args)...));
      } catch (...) {  // A failure to format a log line must not fail the operation that logs it.
      }
  }
  template <typename... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) const noexcept {
    write(LogLevel::info, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) const noexcept {
    write(LogLevel::warn, format, std::forward<Args>(args)...);
  }

 private:
  void line(LogLevel level, std::string_view text) const;

  std::unique_ptr<spdlog::logger> logger_;
};

}  // namespace symmem
