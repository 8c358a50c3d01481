// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>

namespace spdlog {
class logger;
}

namespace symmem {

enum class LogLevel { debug, info, warn, error, off };

/// Writes lines to stderr: "[time] symmem host:pid rank 3 info: text". Safe from any thread; never
/// throws. Each Context has one, so that ranks which are threads log under their own rank.
class Log {
 public:
  /// `level` as SYMMEM_LOG has it.
  explicit Log(const std::string& level);
  ~Log();
  /// Names the rank in the lines from now on. Call before other threads log.
  void name_rank(int rank);

  bool shows(LogLevel level) const;
  template <typename... Args>
  void write(LogLevel level, fmt::format_string<Args...> format, Args&&... args) const noexcept {
    if (shows(level)) try {
        line(level, fmt::format(format, std::forward<Args>(args)...));
      } catch (...) {  // A log line that cannot be made is not worth an error.
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

  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace symmem
