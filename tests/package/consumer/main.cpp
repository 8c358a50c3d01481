// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <symmem/symmem.hpp>

int main() { std::puts(symmem::to_string(symmem::Device{}).c_str()); }
