// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Attribute of a namespace or class whose symbols the shared library exports.
#define SYMMEM_API [[gnu::visibility("default")]]
