// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace symmem {

/// Opens /dev/null (close-on-exec) at each of the descriptors 0 to 2 that is closed, and leaves it
/// open. Otherwise a descriptor of symmem could get one of these numbers and receive what the
/// program prints. Throws Error.
void occupy_standard_fds();

}  // namespace symmem
