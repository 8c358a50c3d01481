// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace symmem {

/// Opens /dev/null (close-on-exec) at those of the descriptors 0 to 2 that are closed, for good: a
/// descriptor of ours that came to lie there would get what the program prints. Throws Error.
void occupy_standard_fds();

}  // namespace symmem
