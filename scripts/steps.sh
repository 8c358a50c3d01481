# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Runs the steps of a command, continues after a failed step, and prints a summary.

results=()
failed=0

# step <name> <command ...>: runs the command without set -e and records the outcome. Exit code 77
# means that the step was skipped.
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
