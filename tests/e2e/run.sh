#!/usr/bin/env bash
# AgentGateway in a real cluster: boots tests/cluster, builds and loads the image, installs the charts with helm as a
# user would, and runs each of parts/ against it.
#
#   tests/e2e/run.sh [PART…]     all parts, or those whose names hold one of the words
#
# E2E_KEEP=1 leaves the cluster running; E2E_REUSE=1 takes the one that runs, with what is installed there.
. "$(dirname "$0")/lib.sh"

if ! "$rig" can; then
  echo "SKIPPED tests/e2e: see the reasons above"
  exit 0
fi
for command in curl jq python3; do
  command -v "$command" >/dev/null || die "$command is needed (apt-get install $command)"
done
[ -n "${E2E_KEEP:-}${E2E_REUSE:-}" ] || trap 'cleanup; "$rig" down' EXIT

if [ -z "${E2E_REUSE:-}" ]; then "$here/cluster.sh"; fi
"$rig" is-up || die "no cluster runs"

selected() {
  local word
  [ "$#" -gt 1 ] || return 0
  for word in "${@:2}"; do case $1 in *"$word"*) return 0 ;; esac; done
  return 1
}

failed=()
for part in "$here"/parts/*.sh; do
  name=$(basename "$part" .sh)
  selected "$name" "$@" || continue
  began=$(date +%s)
  printf '\n%s\n' "$name"
  if bash "$part"; then
    printf '  (%s s)\n' "$(($(date +%s) - began))"
  else
    failed+=("$name")
    "$here/why.sh" "$name" || true
  fi
done
[ "${#failed[@]}" -eq 0 ] || die "tests/e2e: ${failed[*]}"
printf '\ntests/e2e: all parts passed\n'
