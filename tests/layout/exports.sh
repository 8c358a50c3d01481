#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks that the shared library shows namespace symmem and nothing else, and that what exceptions
# need is shown. usage: exports.sh <libsymmem.so>
set -euo pipefail
export LC_ALL=C
command -v nm >/dev/null || { echo 'skipped: nm (binutils) is not installed'; exit 77; }

shown="$(nm -DC --defined-only "$1" | sed -E 's/^[0-9a-f]* *[A-Za-z] //')"
foreign="$(grep -vE '^((typeinfo|typeinfo name|vtable) for )?symmem::' <<<"$shown" || true)"
if [[ -n $foreign ]]; then
  printf 'symbols that are not of namespace symmem:\n%s\n' "$foreign"
  exit 1
fi
for symbol in 'typeinfo for symmem::Error' 'vtable for symmem::Error' 'symmem::Error::add('; do
  grep -qF "$symbol" <<<"$shown" || { echo "not shown: $symbol"; exit 1; }
done
