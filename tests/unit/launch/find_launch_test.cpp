// SPDX-License-Identifier: Apache-2.0
#include "launch/find_launch.hpp"

#include <doctest/doctest.h>

#include "harness/errors.hpp"
#include "symmem/error.hpp"

using namespace symmem;
using harness::contains;

namespace {

std::string refusal(const Environment& environment, const Options& options = {}) {
  try {
    find_launch(options, environment);
  } catch (const Error& error) {
    CHECK(error.code() == Errc::invalid_argument);
    return error.what();
  }
  return "accepted";
}

const Environment kTorchrun = {{"RANK", "5"},
                               {"WORLD_SIZE", "8"},
                               {"LOCAL_RANK", "1"},
                               {"LOCAL_WORLD_SIZE", "4"},
                               {"GROUP_RANK", "1"},
                               {"MASTER_ADDR", "head"},
                               {"MASTER_PORT", "29500"},
                               {"TORCHELASTIC_RUN_ID", "r1"},
                               {"TORCHELASTIC_RESTART_COUNT", "0"}};
const Environment kOpenMpi = {{"OMPI_COMM_WORLD_RANK", "1"},       {"OMPI_COMM_WORLD_SIZE", "4"},
                              {"OMPI_COMM_WORLD_LOCAL_RANK", "1"}, {"PMIX_RANK", "1"},
                              {"OMPI_COMM_WORLD_LOCAL_SIZE", "4"}, {"PMIX_NAMESPACE", "99"}};
const Environment kSlurm = {{"SLURM_JOB_ID", "77"},       {"SLURM_STEP_ID", "0"},
                            {"SLURM_PROCID", "2"},        {"SLURM_STEP_NUM_TASKS", "4"},
                            {"SLURM_LOCALID", "0"},       {"SLURM_STEP_NODELIST", "gpu[03-04]"},
                            {"SLURM_STEP_NUM_NODES", "2"}};

Environment with(Environment base, const Environment& more) {
  for (const auto& [name, value] : more) base[name] = value;
  return base;
}

Environment without(Environment base, const std::string& name) {
  base.erase(name);
  return base;
}

}  // namespace

TEST_CASE("the text of a store address contains host, ports and job") {
  CHECK(StoreAddress{"host", 29500, 1, ""}.text() == "host:29500");
  CHECK(StoreAddress{"host", 29500, 8, "job"}.text() == "host:29500(+7)/job");
}

TEST_CASE("without a launcher the process is a single rank") {
  const Launch launch = find_launch({}, {{"PATH", "/bin"}});
  CHECK(launch.text() == "rank 0/1 local 0 (single rank)");
  CHECK_FALSE(launch.store);
}

TEST_CASE("options take precedence over every launcher") {
  Options options;
  options.rank = 1;
  options.world_size = 2;
  options.local_rank = 7;
  options.store = "tcp://[fe80::1]:4711/mine";
  const Launch launch = find_launch(options, with(kTorchrun, kOpenMpi));
  CHECK(launch.text() == "rank 1/2 local 7 (SYMMEM_RANK)");
  CHECK(store_address(launch) == StoreAddress{"fe80::1", 4711, 1, "mine"});
}

TEST_CASE("the error names the missing option if only one of rank and world size is set") {
  Options options;
  options.rank = 0;
  CHECK(contains(refusal({}, options), "SYMMEM_RANK is set but SYMMEM_WORLD_SIZE is not"));
  options.world_size = 1;
  options.rank.reset();
  CHECK(contains(refusal({}, options), "SYMMEM_WORLD_SIZE is set but SYMMEM_RANK is not"));
  options.rank = 1;
  CHECK(contains(refusal({}, options), "rank 1 is out of range, the world size is 1"));
}

TEST_CASE("under torchrun the store uses the port after MASTER_PORT") {
  const Launch launch = find_launch({}, kTorchrun);
  CHECK(launch.text() == "rank 5/8 local 1 (torchrun)");
  CHECK(store_address(launch) == StoreAddress{"head", 29501, 1, "torchrun-r1-0"});
  CHECK(launch.warnings.empty());
}

TEST_CASE("ranks that torchrun starts on one host use loopback") {
  const Launch launch = find_launch({}, with(kTorchrun, {{"LOCAL_WORLD_SIZE", "8"}}));
  CHECK(store_address(launch).host == "127.0.0.1");
}

TEST_CASE("a MASTER_PORT that is not a number from 1 to 65534 is an error") {
  for (const char* port : {"65535", "0", "-1", "x", "70000"})
    CHECK(contains(refusal(with(kTorchrun, {{"MASTER_PORT", port}})), "MASTER_PORT="));
}

TEST_CASE("torchrun takes precedence over Open MPI, and Open MPI over Slurm") {
  CHECK(find_launch({}, with(with(kTorchrun, kOpenMpi), kSlurm)).origin == "torchrun");
  CHECK(find_launch({}, with(kOpenMpi, kSlurm)).origin == "Open MPI");
}

TEST_CASE("under Open MPI on one host, the loopback port of the store is derived from the job id") {
  const Launch launch = find_launch({}, kOpenMpi);
  CHECK(launch.text() == "rank 1/4 local 1 (Open MPI)");
  const StoreAddress address = store_address(launch);
  CHECK(address.host == "127.0.0.1");
  CHECK(address.job == "ompi-99");
  CHECK(address.first_port >= 20000);
  CHECK(address.first_port + address.port_count <= 32000);
  const Launch other = find_launch({}, with(kOpenMpi, {{"OMPI_COMM_WORLD_RANK", "3"}}));
  CHECK(store_address(other) == address);
  const Launch job = find_launch({}, with(kOpenMpi, {{"PMIX_NAMESPACE", "100"}}));
  CHECK(store_address(job).first_port != address.first_port);
}

TEST_CASE("the job id of Open MPI is also read from the variables of older versions") {
  const Environment old = without(kOpenMpi, "PMIX_NAMESPACE");
  CHECK(find_launch({}, with(old, {{"OMPI_MCA_ess_base_jobid", "5"}})).store->job == "ompi-5");
  CHECK(find_launch({}, with(old, {{"OMPI_MCA_orte_hnp_uri", "6.0;tcp://a:1"}})).store.has_value());
  CHECK_FALSE(find_launch({}, old).store);
}

TEST_CASE("the error for a missing store address explains how to set the address") {
  const Launch launch = find_launch({}, with(kOpenMpi, {{"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}}));
  CHECK_THROWS_WITH_AS(store_address(launch), doctest::Contains("set SYMMEM_STORE=tcp://host:port"),
                       Error);
  Options options;
  options.store = "tcp://head:4711";
  const Launch explicit_store =
      find_launch(options, with(kOpenMpi, {{"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}}));
  CHECK(store_address(explicit_store).host == "head");
}

TEST_CASE(
    "a rank without a world size is an error; invalid variables of launchers with lower precedence "
    "are ignored") {
  CHECK(contains(refusal(without(kOpenMpi, "OMPI_COMM_WORLD_SIZE")),
                 "OMPI_COMM_WORLD_RANK is set but OMPI_COMM_WORLD_SIZE is not"));
  CHECK(contains(refusal(without(kSlurm, "SLURM_STEP_NUM_TASKS")), "SLURM_STEP_NUM_TASKS is not"));
  CHECK(contains(refusal({{"RANK", "0"}}), "RANK is set but WORLD_SIZE is not"));
  CHECK(contains(refusal({{"WORLD_SIZE", "2"}}), "WORLD_SIZE is set but RANK is not"));
  CHECK(contains(refusal({{"PMIX_RANK", "0"}}), "PMIX_RANK is set but PMI_SIZE is not"));
  CHECK(find_launch({}, with(kOpenMpi, {{"RANK", "x"}, {"SLURM_STEP_ID", "0"}})).rank == 1);
}

TEST_CASE("the error for junk or for a rank out of range names the variable") {
  for (const char* value : {"x", "-1", "1.0", " 1", "99999999999999999999"}) {
    CHECK(contains(refusal(with(kOpenMpi, {{"OMPI_COMM_WORLD_RANK", value}})),
                   "OMPI_COMM_WORLD_RANK=\"" + std::string(value) + "\""));
    CHECK(contains(refusal(with(kTorchrun, {{"LOCAL_RANK", value}})), "LOCAL_RANK="));
  }
  CHECK(contains(refusal(with(kOpenMpi, {{"OMPI_COMM_WORLD_RANK", "4"}})),
                 "OMPI_COMM_WORLD_RANK=4 (Open MPI): rank 4 is out of range, the world size is 4"));
  CHECK(contains(refusal(with(kOpenMpi, {{"OMPI_COMM_WORLD_SIZE", "0"}})), "from 1 to"));
}

TEST_CASE("under Hydra the rank is read from the variables of PMI") {
  const Launch launch = find_launch(
      {},
      {{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}, {"MPI_LOCALRANKID", "1"}, {"MPI_LOCALNRANKS", "2"}});
  CHECK(launch.text() == "rank 1/2 local 1 (PMI)");
  CHECK_FALSE(launch.store);
}

TEST_CASE("with variables of PMI and PALS, the store address is derived from PALS") {
  const Launch launch = find_launch({}, {{"PMI_RANK", "1"},
                                         {"PMI_SIZE", "2"},
                                         {"PMI_LOCAL_SIZE", "2"},
                                         {"PALS_RANKID", "1"},
                                         {"PALS_LOCAL_RANKID", "1"},
                                         {"PALS_APID", "abc"}});
  CHECK(launch.text() == "rank 1/2 local 1 (PMI)");
  CHECK(store_address(launch).job == "pals-abc");
}

TEST_CASE("a job of Flux on one host has a store address") {
  const Launch launch = find_launch({}, {{"FLUX_TASK_RANK", "0"},
                                         {"FLUX_JOB_SIZE", "2"},
                                         {"FLUX_TASK_LOCAL_ID", "0"},
                                         {"FLUX_JOB_ID", "f12"},
                                         {"FLUX_JOB_NNODES", "1"}});
  CHECK(launch.text() == "rank 0/2 local 0 (Flux)");
  CHECK(store_address(launch).job == "flux-f12");
}

TEST_CASE("under srun the store uses the first host of the step") {
  const Launch launch = find_launch({}, kSlurm);
  CHECK(launch.text() == "rank 2/4 local 0 (Slurm)");
  CHECK(store_address(launch).host == "gpu03");
  CHECK(store_address(launch).job == "slurm-77.0");
  const Launch here = find_launch({}, with(kSlurm, {{"SLURM_STEP_NUM_NODES", "1"}}));
  CHECK(store_address(here).host == "127.0.0.1");
  const Launch step = find_launch({}, with(kSlurm, {{"SLURM_STEP_ID", "1"}}));
  CHECK(store_address(step).first_port != store_address(launch).first_port);
}

TEST_CASE("if srun sets a PMI rank without a size, the variables of Slurm are used") {
  CHECK(find_launch({}, with(kSlurm, {{"PMIX_RANK", "2"}})).origin == "Slurm");
}

TEST_CASE("with PMI, the store address is derived from Slurm if both set the same rank and size") {
  const Environment pmi = {{"PMI_RANK", "2"}, {"PMI_SIZE", "4"}};
  CHECK(store_address(find_launch({}, with(kSlurm, pmi))).host == "gpu03");
  // mpirun inside a step with one task per host: Slurm counts hosts, not ranks.
  const Environment hosts = with(kSlurm, {{"SLURM_PROCID", "1"}, {"SLURM_STEP_NUM_TASKS", "2"}});
  CHECK_FALSE(find_launch({}, with(hosts, pmi)).store);
}

TEST_CASE("a Slurm batch script is a single rank") {
  const Launch launch =
      find_launch({}, {{"SLURM_PROCID", "0"}, {"SLURM_JOB_ID", "77"}, {"SLURM_NTASKS", "8"}});
  CHECK(launch.world_size == 1);
}

TEST_CASE("RANK and WORLD_SIZE without other variables are used with a warning") {
  const Environment bare = {{"RANK", "1"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "head"}};
  const Launch launch = find_launch({}, with(bare, {{"MASTER_PORT", "29500"}}));
  CHECK(launch.rank == 1);
  CHECK_FALSE(launch.local_rank);
  CHECK(store_address(launch) == StoreAddress{"head", 29501, 1, ""});
  REQUIRE(launch.warnings.size() == 1);
  CHECK(contains(launch.warnings[0], "hosts, not processes"));
  CHECK(find_launch({}, with(bare, {{"LOCAL_RANK", "1"}})).warnings.empty());
  CHECK_FALSE(find_launch({}, bare).store);
}
