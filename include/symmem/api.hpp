// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Opens a namespace whose contents the shared library shows; all else is compiled hidden.
#define SYMMEM_API [[gnu::visibility("default")]]
