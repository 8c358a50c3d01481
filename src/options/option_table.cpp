// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>

#include "options/options.hpp"
#include "base/parse.hpp"

namespace symmem {
namespace {

using Lines = std::vector<std::string>;

OptionRow number(std::string name, std::optional<int> Options::*field, int min, std::string help) {
  return {std::move(name), fmt::format("a whole number from {} to {}", min, kMostRanks),
          std::move(help),
          [field, min](Options& options, const std::string& text) {
            const auto value = parse_whole(text, min, kMostRanks);
            if (value) options.*field = static_cast<int>(*value);
            return value.has_value();
          },
          [field](const Options& options) {
            return options.*field ? std::to_string(*(options.*field)) : std::string();
          }};
}

OptionRow number(std::string name, int Options::*field, int min, int max, std::string help) {
  return {std::move(name), fmt::format("a whole number from {} to {}", min, max), std::move(help),
          [=](Options& options, const std::string& text) {
            const auto value = parse_whole(text, min, max);
            if (value) options.*field = static_cast<int>(*value);
            return value.has_value();
          },
          [field](const Options& options) { return std::to_string(options.*field); }};
}

OptionRow time(std::string name, std::chrono::milliseconds Options::*field,
               std::chrono::milliseconds min, std::string help) {
  static constexpr auto kMax = std::chrono::hours(1000);
  return {
      std::move(name),
      fmt::format("a time from {} to {} such as 500ms, 30s, 2m", show_time(min), show_time(kMax)),
      std::move(help),
      [field, min](Options& options, const std::string& text) {
        const auto value = parse_time(text);
        if (!value || *value < min || *value > kMax) return false;
        options.*field = *value;
        return true;
      },
      [field](const Options& options) { return show_time(options.*field); }};
}

OptionRow size(std::string name, std::size_t Options::*field, std::int64_t min, std::int64_t max,
               std::string help) {
  return {std::move(name),
          fmt::format("a power of two from {} to {} bytes such as 64k, 2m", show_size(min),
                      show_size(max)),
          std::move(help),
          [=](Options& options, const std::string& text) {
            const auto value = parse_size(text);
            if (!value || *value < min || *value > max) return false;
            options.*field = static_cast<std::size_t>(*value);
            return std::has_single_bit(options.*field);
          },
          [field](const Options& options) {
            return options.*field >
                           static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max())
                       ? std::to_string(options.*field)
                       : show_size(static_cast<std::int64_t>(options.*field));
          }};
}

OptionRow flag(std::string name, bool Options::*field, std::string help) {
  return {std::move(name), "1, on, true, yes or 0, off, false, no", std::move(help),
          [field](Options& options, const std::string& text) {
            const auto value = parse_flag(text);
            if (value) options.*field = *value;
            return value.has_value();
          },
          [field](const Options& options) { return std::string(options.*field ? "1" : "0"); }};
}

OptionRow text(std::string name, std::string Options::*field, std::string form, std::string help,
               std::function<bool(const std::string&)> allowed) {
  return {std::move(name), std::move(form), std::move(help),
          [field, allowed = std::move(allowed)](Options& options, const std::string& value) {
            options.*field = value;
            return allowed(value);
          },
          [field](const Options& options) { return options.*field; }};
}

OptionRow names(std::string name, Lines Options::*field, std::string form, std::string help,
                std::function<bool(const Lines&)> allowed) {
  return {std::move(name), std::move(form), std::move(help),
          [field, allowed = std::move(allowed)](Options& options, const std::string& value) {
            options.*field = split(value, ',');
            return allowed(options.*field);
          },
          [field](const Options& options) {
            return fmt::format("{}", fmt::join(options.*field, ","));
          }};
}

/// Small letters, digits and underscores, each name once.
bool transport_names(Lines list) {
  for (const std::string& name : list)
    if (name.empty() ||
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string::npos)
      return false;
  std::sort(list.begin(), list.end());
  return std::adjacent_find(list.begin(), list.end()) == list.end();
}

/// All kept or all removed: a mix would not say what becomes of those that it does not name.
bool transport_choice(Lines list) {
  const auto removed = [](const std::string& name) { return name.starts_with('^'); };
  if (std::none_of(list.begin(), list.end(), removed)) return transport_names(std::move(list));
  if (!std::all_of(list.begin(), list.end(), removed)) return false;
  for (std::string& name : list) name.erase(0, 1);
  return transport_names(std::move(list));
}

std::function<bool(const std::string&)> printable(std::size_t most) {
  return [most](const std::string& value) {
    return value.size() <= most && std::all_of(value.begin(), value.end(), [](char c) {
             return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
           });
  };
}

/// A socket's path holds 107 bytes, and the socket's own name must fit behind the folder's.
bool socket_folder(const std::string& value) {
  return value.starts_with('/') && printable(60)(value);
}

bool log_level(const std::string& value) {
  return value == "debug" || value == "info" || value == "warn" || value == "error" ||
         value == "off";
}

OptionRow hidden(OptionRow row) {
  row.hidden = true;
  return row;
}

std::vector<OptionRow> make_table() {
  using std::chrono::milliseconds;
  return {
      names("SYMMEM_TRANSPORTS", &Options::transports,
            "names to keep, in order (shm,ucx), or names to remove (^ucx)",
            "transports that may be used, best first; equal on all ranks; not set: all",
            transport_choice),
      names("SYMMEM_REQUIRE", &Options::require, "names of transports (shm,cuda_ipc)",
            "every pair of ranks must use one of these, else rendezvous is an error",
            transport_names),
      number("SYMMEM_RANK", &Options::rank, 0,
             "this process's rank; not set: what the launcher says"),
      number("SYMMEM_WORLD_SIZE", &Options::world_size, 1,
             "how many ranks there are; not set: what the launcher says"),
      number("SYMMEM_LOCAL_RANK", &Options::local_rank, 0,
             "this process's number on its host; not set: what the launcher says"),
      text("SYMMEM_STORE", &Options::store, kStoreUrlForm,
           "where the ranks meet; rank 0 listens there unless a store does already; not set: what "
           "the launcher's variables tell",
           [](const std::string& value) { return parse_store_url(value).has_value(); }),
      time("SYMMEM_TIMEOUT", &Options::timeout, milliseconds(1),
           "the longest wait of every call that is not given one"),
      time("SYMMEM_LIVENESS", &Options::liveness, milliseconds(100),
           "silence of a rank after which it counts as lost"),
      text("SYMMEM_HOST_ID", &Options::host_id, "up to 255 bytes without control characters",
           "ranks of equal id are tried as being on one host; not set: measured", printable(255)),
      text("SYMMEM_INTERFACE", &Options::interface, "names of network devices (eth0,mlx5_0:1)",
           "what UCX may use to reach other hosts; not set: it chooses", printable(255)),
      text("SYMMEM_SOCKET_DIR", &Options::socket_dir, "an absolute path of up to 60 bytes",
           "folder for sockets, for containers that share it but not a network namespace; made if "
           "it "
           "is missing, and left",
           socket_folder),
      number("SYMMEM_CHANNELS", &Options::channels, 1, 4096,
             "channels of every signal pad; equal on all ranks"),
      size("SYMMEM_BLOCK_SIZE", &Options::block_size, 4096, std::int64_t{1} << 40,
           "size of the blocks that small allocations share"),
      text("SYMMEM_CUDA_HANDLE", &Options::cuda_handle, "auto, fd, legacy or fabric",
           "the kind of handle by which GPU memory is shared; auto: all that the driver grants",
           [](const std::string& value) {
             return value == "auto" || value == "fd" || value == "legacy" || value == "fabric";
           }),
      text("SYMMEM_UCX_LIBRARY", &Options::ucx_library, "a file name or path of libucp",
           "the UCX to open when ranks of several hosts meet; 1.13 or newer, equal on all ranks",
           [](const std::string& value) { return !value.empty() && printable(4095)(value); }),
      text(
          "SYMMEM_PROGRESS", &Options::progress, "adaptive, spin or event",
          "how the thread that serves peers by UCX waits: spins a little and sleeps, spins, sleeps",
          [](const std::string& value) {
            return value == "adaptive" || value == "spin" || value == "event";
          }),
      flag("SYMMEM_VERIFY", &Options::verify, "prove every attached block by reading it"),
      text("SYMMEM_SECRET_FILE", &Options::secret_file, "a path of up to 4095 bytes",
           "file with the store's shared secret, readable by its owner alone", printable(4095)),
      hidden(text("SYMMEM_SECRET", &Options::secret, "up to 1024 bytes without control characters",
                  "the store's shared secret itself; a file is safer, and goes before it",
                  printable(1024))),
      flag("SYMMEM_INSECURE", &Options::insecure,
           "let the store listen beyond this host without a secret"),
      text("SYMMEM_LOG", &Options::log, "debug, info, warn, error or off",
           "least weight of the lines written to stderr", log_level),
  };
}

}  // namespace

const std::vector<OptionRow>& option_table() {
  static const std::vector<OptionRow> table = make_table();
  return table;
}

}  // namespace symmem
