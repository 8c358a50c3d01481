// SPDX-License-Identifier: Apache-2.0
#include "launch/launchers.hpp"

#include "base/check.hpp"
#include "base/parse.hpp"
#include "launch/slurm_nodes.hpp"

namespace symmem {
namespace {

constexpr const char* kLoopback = "127.0.0.1";

using MaybeAddress = std::optional<StoreAddress>;

/// Derives an address from the job's name, which is equal on all ranks. The ports are below the
/// ephemeral port ranges of Linux and IANA, so a port is usually free unless another job uses it.
/// The address has several ports for this case.
StoreAddress address_from_job(std::string host, std::string job) {
  constexpr std::uint32_t kFirst = 20000, kCount = 12000;
  std::uint32_t hash = 2166136261u;  // 32-bit FNV-1a: equal on every host and in every build.
  for (const char c : job) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  constexpr int kPorts = 17;
  const auto port = static_cast<std::uint16_t>(kFirst + hash % (kCount - kPorts));
  return {std::move(host), port, kPorts, std::move(job)};
}

/// Returns whether, according to the variables of the launcher, all ranks run on this host.
bool all_here(const Environment& environment, const std::vector<std::string>& local_sizes,
              const Launch& launch) {
  return value_of(environment, first_set(environment, local_sizes)) ==
         std::to_string(launch.world_size);
}

/// Returns a loopback address with ports derived from the job's name if all ranks run on this host.
/// Otherwise returns nullopt, because no variable contains the host of rank 0.
MaybeAddress address_if_all_here(const Environment& environment,
                                 const std::vector<std::string>& local_sizes,
                                 const std::string& prefix,
                                 const std::vector<std::string>& job_names, const Launch& launch) {
  const std::string_view job = value_of(environment, first_set(environment, job_names));
  if (job.empty() || !all_here(environment, local_sizes, launch)) return std::nullopt;
  return address_from_job(kLoopback, prefix + std::string(job));
}

/// Returns an address with the port after MASTER_PORT, because PyTorch's store uses MASTER_PORT.
MaybeAddress next_to_master(const Environment& environment, std::string host, std::string job) {
  const std::string_view text = value_of(environment, "MASTER_PORT");
  if (host.empty() || text.empty()) return std::nullopt;
  const auto port = parse_whole(text, 1, 65534);
  require(port.has_value(), Errc::invalid_argument,
          "MASTER_PORT={} is not a whole number from 1 to 65534 (the store uses the next port); "
          "correct it or set SYMMEM_STORE=tcp://host:port",
          in_quotes(text));
  return StoreAddress{std::move(host), static_cast<std::uint16_t>(*port + 1), 1, std::move(job)};
}

MaybeAddress torchrun_store(const Environment& environment, const Launch& launch) {
  // The restart count prevents a restarted job from connecting to a store of the previous run.
  const std::string job = "torchrun-" + std::string(value_of(environment, "TORCHELASTIC_RUN_ID")) +
                          "-" + std::string(value_of(environment, "TORCHELASTIC_RESTART_COUNT"));
  const bool here = all_here(environment, {"LOCAL_WORLD_SIZE"}, launch);
  return next_to_master(environment,
                        here ? kLoopback : std::string(value_of(environment, "MASTER_ADDR")), job);
}

MaybeAddress open_mpi_store(const Environment& environment, const Launch& launch) {
  return address_if_all_here(environment, {"OMPI_COMM_WORLD_LOCAL_SIZE"}, "ompi-",
                             {"PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid", "OMPI_MCA_orte_hnp_uri"},
                             launch);
}

MaybeAddress pmi_store(const Environment& environment, const Launch& launch) {
  return address_if_all_here(environment, {"MPI_LOCALNRANKS", "PMI_LOCAL_SIZE"}, "pmi-",
                             {"PMIX_NAMESPACE", "PMI_JOBID"}, launch);
}

MaybeAddress pals_store(const Environment& environment, const Launch& launch) {
  return address_if_all_here(environment, {"PALS_LOCAL_SIZE", "PMI_LOCAL_SIZE"}, "pals-",
                             {"PALS_APID"}, launch);
}

MaybeAddress flux_store(const Environment& environment, const Launch&) {
  const std::string_view job = value_of(environment, "FLUX_JOB_ID");
  if (job.empty() || value_of(environment, "FLUX_JOB_NNODES") != "1") return std::nullopt;
  return address_from_job(kLoopback, "flux-" + std::string(job));
}

MaybeAddress slurm_store(const Environment& environment, const Launch&) {
  const std::string_view job = value_of(environment, "SLURM_JOB_ID");
  const std::string_view step = value_of(environment, "SLURM_STEP_ID");
  const std::string_view nodes = value_of(environment, "SLURM_STEP_NODELIST");
  const bool here = value_of(environment, "SLURM_STEP_NUM_NODES") == "1";
  if (job.empty() || (nodes.empty() && !here)) return std::nullopt;
  std::string host = here ? kLoopback : first_slurm_node(nodes);
  return address_from_job(std::move(host), "slurm-" + std::string(job) + "." + std::string(step));
}

MaybeAddress bare_store(const Environment& environment, const Launch&) {
  return next_to_master(environment, std::string(value_of(environment, "MASTER_ADDR")), "");
}

}  // namespace

const std::vector<Launcher>& launchers() {
  // Never destroyed: an exit handler of the application may construct a Context.
  static const auto& all = *new const std::vector<Launcher>{
      {"torchrun",
       {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK"},
       {"RANK"},
       {"WORLD_SIZE"},
       {"LOCAL_RANK"},
       torchrun_store},
      {"Open MPI",
       {},
       {"OMPI_COMM_WORLD_RANK"},
       {"OMPI_COMM_WORLD_SIZE"},
       {"OMPI_COMM_WORLD_LOCAL_RANK"},
       open_mpi_store},
      // srun with PMIx sets a rank but no size; in this case the entry of Slurm below applies.
      {"PMI",
       {"PMI_SIZE"},
       {"PMI_RANK", "PMIX_RANK"},
       {"PMI_SIZE"},
       {"MPI_LOCALRANKID", "PMI_LOCAL_RANK"},
       pmi_store},
      {"PALS",
       {"PALS_RANKID", "PMI_SIZE"},
       {"PALS_RANKID"},
       {"PMI_SIZE"},
       {"PALS_LOCAL_RANKID"},
       pals_store},
      {"Flux", {}, {"FLUX_TASK_RANK"}, {"FLUX_JOB_SIZE"}, {"FLUX_TASK_LOCAL_ID"}, flux_store},
      // A batch script has SLURM_PROCID but no SLURM_STEP_ID: it is a single process, not a rank.
      {"Slurm",
       {"SLURM_STEP_ID"},
       {"SLURM_PROCID"},
       {"SLURM_STEP_NUM_TASKS"},
       {"SLURM_LOCALID"},
       slurm_store},
      {"RANK and WORLD_SIZE", {}, {"RANK"}, {"WORLD_SIZE"}, {"LOCAL_RANK"}, bare_store, true},
      // This entry must be last. It makes a rank without a world size an error instead of a single
      // rank.
      {"PMI",
       {},
       {"PMI_RANK", "PMIX_RANK", "PALS_RANKID"},
       {"PMI_SIZE"},
       {"MPI_LOCALRANKID"},
       pmi_store},
  };
  return all;
}

std::string first_set(const Environment& environment, const std::vector<std::string>& names) {
  for (const std::string& name : names)
    if (!value_of(environment, name).empty()) return name;
  return {};
}

}  // namespace symmem
