# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Configures and builds a preset.

# CMake options in addition to those of the preset.
configure_options=()

set_configure_options() { configure_options=("$@"); }

configure() { cmake --preset "$1" --log-level=WARNING "${configure_options[@]}" >/dev/null; }

# build <preset> [target ...]
build() {
  local preset=$1
  shift
  say "building preset $preset in build/$preset"
  configure "$preset"
  cmake --build --preset "$preset" --parallel "$(nproc)" ${1:+--target "$@"}
}
