// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <unistd.h>

#include "base/error_location.hpp"
#include "base/host.hpp"

namespace symmem {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warn: return spdlog::level::warn;
    case LogLevel::error: return spdlog::level::err;
    case LogLevel::off: return spdlog::level::off;
  }
  return spdlog::level::warn;
}

}  // namespace

Log::Log(LogLevel level)
    : logger_(std::make_unique<spdlog::logger>(
          "symmem", std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>())) {
  if (level == LogLevel::debug) error_locations_shown.store(true, std::memory_order_relaxed);
  logger_->set_level(to_spdlog(level));
  logger_->set_pattern(fmt::format("[%T.%e] symmem {}:{} %l: %v", host_name(), ::getpid()));
}

Log::~Log() = default;

void Log::name_rank(int rank) {
  logger_->set_pattern(
      fmt::format("[%T.%e] symmem {}:{} rank {} %l: %v", host_name(), ::getpid(), rank));
}

bool Log::shows(LogLevel level) const { return logger_->should_log(to_spdlog(level)); }

void Log::line(LogLevel level, std::string_view text) const {
  logger_->log(to_spdlog(level), text);
}

}  // namespace symmem
