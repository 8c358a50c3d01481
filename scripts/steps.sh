# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Runs the steps of a command that continues after a failed one, and sums up.

results=()
failed=0

# step <name> <command ...>: exit code 77 means skipped. The command runs without set -e.
step() {
  local name=$1 status=0 start=$SECONDS
  shift
  say "$name"
  "$@" || status=$?
  case $status in
  0) results+=("passed   $name in $((SECONDS - start)) s") ;;
  77) results+=("skipped  $name") ;;
  *)
    results+=("FAILED   $name (exit code $status)")
    failed=1
    ;;
  esac
}

sum_up() {
  say "summary"
  printf '%s\n' "${results[@]}"
  return $failed
}
