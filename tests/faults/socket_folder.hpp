// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "faults/faults.hpp"

namespace symmem::faults {

/// A folder for SYMMEM_SOCKET_DIR. A rank of the test goes through the same constructor, but uses
/// the folder that it was given.
class SocketFolder {
 public:
  SocketFolder() {
    char name[] = "/tmp/symmem-faults-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~SocketFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  SocketFolder(const SocketFolder&) = delete;
  SocketFolder& operator=(const SocketFolder&) = delete;

  /// For ranks that use it, and whose waits end by what happens.
  RanksSettings settings() const {
    RanksSettings settings = with_endless_waits();
    settings.environment["SYMMEM_SOCKET_DIR"] = path_.string();
    return settings;
  }
  /// What lies in it, sorted.
  std::vector<std::string> files() const { return files_in(path_); }

  static std::vector<std::string> files_in(const std::filesystem::path& folder) {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace symmem::faults
