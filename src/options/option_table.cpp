// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>

#include "base/parse.hpp"
#include "options/options.hpp"

namespace symmem {
namespace {

using Lines = std::vector<std::string>;

OptionRow number(std::string name, std::optional<int> Options::*field, int min, std::string help) {
  return {std::move(name), fmt::format("a whole number from {} to {}", min, kMaxRanks),
          std::move(help),
          [field, min](Options& options, const std::string& text) {
            const auto value = parse_whole(text, min, kMaxRanks);
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

template <typename Enum>
struct Choice {
  std::string_view name;
  Enum value;
};

constexpr Choice<LogLevel> kLogLevels[] = {{"debug", LogLevel::debug},
                                           {"info", LogLevel::info},
                                           {"warn", LogLevel::warn},
                                           {"error", LogLevel::error},
                                           {"off", LogLevel::off}};
constexpr Choice<Progress> kProgresses[] = {
    {"adaptive", Progress::adaptive}, {"spin", Progress::spin}, {"event", Progress::event}};
constexpr Choice<CudaHandle> kCudaHandles[] = {{"auto", CudaHandle::automatic},
                                               {"fd", CudaHandle::fd},
                                               {"legacy", CudaHandle::legacy},
                                               {"fabric", CudaHandle::fabric}};

/// Returns the name of `value`, or its number if `value` is not an enumerator.
template <typename Enum, std::size_t N>
std::string choice_name(const Choice<Enum> (&choices)[N], Enum value) {
  for (const Choice<Enum>& choice : choices)
    if (choice.value == value) return std::string(choice.name);
  return std::to_string(static_cast<int>(value));
}

/// `choices` must have static storage duration.
template <typename Enum, std::size_t N>
OptionRow choice(std::string name, Enum Options::*field, const Choice<Enum> (&choices)[N],
                 std::string help) {
  std::string form;
  for (std::size_t i = 0; i < N; ++i)
    form += fmt::format("{}{}", i == 0 ? "" : i + 1 < N ? ", " : " or ", choices[i].name);
  return {
      std::move(name), std::move(form), std::move(help),
      [field, &choices](Options& options, const std::string& value) {
        for (const Choice<Enum>& choice : choices)
          if (choice.name == value) {
            options.*field = choice.value;
            return true;
          }
        return false;
      },
      [field, &choices](const Options& options) { return choice_name(choices, options.*field); }};
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

/// Returns whether all names consist of lower-case letters, digits and underscores, and no name is
/// repeated.
bool transport_names(Lines list) {
  for (const std::string& name : list)
    if (name.empty() ||
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string::npos)
      return false;
  std::sort(list.begin(), list.end());
  return std::adjacent_find(list.begin(), list.end()) == list.end();
}

/// Returns whether `list` contains only names to use or only names to exclude. A list of both kinds
/// would not define whether the other transports are used.
bool transport_choice(Lines list) {
  const auto excluded = [](const std::string& name) { return name.starts_with('^'); };
  if (std::none_of(list.begin(), list.end(), excluded)) return transport_names(std::move(list));
  if (!std::all_of(list.begin(), list.end(), excluded)) return false;
  for (std::string& name : list) name.erase(0, 1);
  return transport_names(std::move(list));
}

std::function<bool(const std::string&)> printable(std::size_t max_bytes) {
  return [max_bytes](const std::string& value) {
    return value.size() <= max_bytes && std::all_of(value.begin(), value.end(), [](char c) {
             return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
           });
  };
}

/// The limit leaves space for the name of the socket: the path of a Unix socket has at most 107
/// bytes.
bool socket_directory(const std::string& value) {
  return value.starts_with('/') && printable(60)(value);
}

OptionRow hidden(OptionRow row) {
  row.hidden = true;
  return row;
}

std::vector<OptionRow> make_table() {
  using std::chrono::milliseconds;
  return {
      names("SYMMEM_TRANSPORTS", &Options::transports,
            "names to use, in order (shm,ucx), or names to exclude (^ucx)",
            "transports to use, best first; equal on all ranks; not set: all", transport_choice),
      names("SYMMEM_REQUIRE", &Options::require, "names of transports (shm,cuda_ipc)",
            "required transports: rendezvous fails if a pair of ranks uses a transport that is not "
            "in this list",
            transport_names),
      number("SYMMEM_RANK", &Options::rank, 0,
             "rank of this process; not set: read from the launcher"),
      number("SYMMEM_WORLD_SIZE", &Options::world_size, 1,
             "number of ranks; not set: read from the launcher"),
      number("SYMMEM_LOCAL_RANK", &Options::local_rank, 0,
             "index of this process among the ranks on its host; not set: read from the launcher"),
      text("SYMMEM_STORE", &Options::store, kStoreUrlForm,
           "address of the store; rank 0 starts the store there unless it already runs; not set: "
           "derived from the launcher's variables",
           [](const std::string& value) { return parse_store_url(value).has_value(); }),
      time("SYMMEM_TIMEOUT", &Options::timeout, milliseconds(1), "default timeout of every call"),
      time("SYMMEM_LIVENESS", &Options::liveness, milliseconds(100),
           "a rank is declared lost if the store receives no message from it for this time"),
      text("SYMMEM_HOST_ID", &Options::host_id, "up to 255 bytes without control characters",
           "host identity; ranks with equal ids try to share memory; not set: detected",
           printable(255)),
      text("SYMMEM_INTERFACE", &Options::interface, "names of network devices (eth0,mlx5_0:1)",
           "network devices that UCX may use; not set: UCX selects them", printable(255)),
      text("SYMMEM_SOCKET_DIR", &Options::socket_dir, "an absolute path of up to 60 bytes",
           "directory for the descriptor service's socket, for containers that share a directory "
           "but no network namespace; symmem creates the directory if it is missing and never "
           "removes it",
           socket_directory),
      number("SYMMEM_CHANNELS", &Options::channels, 1, 4096,
             "number of channels of each signal pad; equal on all ranks"),
      size("SYMMEM_BLOCK_SIZE", &Options::block_size, 4096, std::int64_t{1} << 40,
           "size of the blocks that small allocations share"),
      choice("SYMMEM_CUDA_HANDLE", &Options::cuda_handle, kCudaHandles,
             "handle type for sharing GPU memory on one host; auto: every type that the driver "
             "permits"),
      text("SYMMEM_UCX_LIBRARY", &Options::ucx_library, "a file name or path of libucp",
           "UCX library to load when a group spans hosts; 1.13 or newer, equal on all ranks",
           [](const std::string& value) { return !value.empty() && printable(4095)(value); }),
      choice("SYMMEM_PROGRESS", &Options::progress, kProgresses,
             "how the UCX progress thread waits; adaptive: polls, then blocks; spin: always polls; "
             "event: always blocks"),
      flag("SYMMEM_VERIFY", &Options::verify, "verify each attached block by reading back its id"),
      text("SYMMEM_SECRET_FILE", &Options::secret_file, "a path of up to 4095 bytes",
           "file that holds the secret of the store; only its owner may read it", printable(4095)),
      hidden(text("SYMMEM_SECRET", &Options::secret, "up to 1024 bytes without control characters",
                  "secret of the store; SYMMEM_SECRET_FILE is safer and takes precedence",
                  printable(1024))),
      flag("SYMMEM_INSECURE", &Options::insecure,
           "allow the store to listen on a non-loopback address without a secret"),
      choice("SYMMEM_LOG", &Options::log, kLogLevels,
             "minimum level of log lines, which are written to stderr; debug also adds [file:line] "
             "to errors"),
  };
}

}  // namespace

std::string to_string(CudaHandle value) { return choice_name(kCudaHandles, value); }

const std::vector<OptionRow>& option_table() {
  // Never destroyed: an exit handler of the application may construct a Context.
  static const auto& table = *new const std::vector<OptionRow>(make_table());
  return table;
}

}  // namespace symmem
