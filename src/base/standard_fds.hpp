// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace symmem {

/// Opens /dev/null (close-on-exec) as each of the descriptors 0 to 2 that is closed, and leaves it
/// open. Otherwise a descriptor of symmem could be assigned one of these numbers, and the program's
/// output would be written to it. Throws Error if /dev/null cannot be opened.
void occupy_standard_fds();

}  // namespace symmem
