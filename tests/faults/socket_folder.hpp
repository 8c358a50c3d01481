// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "faults/faults.hpp"

namespace symmem::faults {

/// A folder for SYMMEM_SOCKET_DIR, which the test process makes and removes. In a rank's process
/// the constructor makes no folder, and the destructor does not run.
class SocketFolder {
 public:
  SocketFolder() : path_(value_of(process_environment(), kVariable)) {
    if (!path_.empty()) return;
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

  /// Returns settings for ranks that use the folder, with endless waits.
  RanksSettings settings() const {
    RanksSettings settings = with_endless_waits();
    settings.environment["SYMMEM_SOCKET_DIR"] = path_.string();
    settings.environment[kVariable] = path_.string();
    return settings;
  }
  /// Returns the files in the folder, sorted.
  std::vector<std::string> files() const {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(path_))
      files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
  }

 private:
  static constexpr const char* kVariable = "FAULTS_SOCKET_FOLDER";

  std::filesystem::path path_;
};

}  // namespace symmem::faults
