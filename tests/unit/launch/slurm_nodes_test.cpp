// SPDX-License-Identifier: Apache-2.0
#include "launch/slurm_nodes.hpp"

#include <doctest/doctest.h>

#include "symmem/error.hpp"

using namespace symmem;

TEST_CASE("first_slurm_node returns the first node of a list") {
  CHECK(first_slurm_node("gpu7") == "gpu7");
  CHECK(first_slurm_node("gpu7,gpu9") == "gpu7");
  CHECK(first_slurm_node("gpu[003-017,020],login1") == "gpu003");
  CHECK(first_slurm_node("gpu[12]") == "gpu12");
  CHECK(first_slurm_node("gpu[9,3-5]-ib.site.org") == "gpu9-ib.site.org");
  CHECK(first_slurm_node("rack[1-2]node[00-07],x[1-2]") == "rack1node00");
}

TEST_CASE("text that is not a Slurm node list is refused") {
  for (const char* list : {"", ",", "[", "]", "gpu[", "gpu[]", "gpu[-3]", "gpu[a]", "gpu[1", "gpu]",
                           "gpu 1", "gpu[[1]]", "gpu/1", "gpu[,1]", "gpu\n"})
    CHECK_THROWS_AS_MESSAGE(first_slurm_node(list), Error, list);
  CHECK_THROWS_AS(first_slurm_node(std::string(300, 'x')), Error);
}
