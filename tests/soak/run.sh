#!/usr/bin/env bash
# Mixed load for MINUTES (30), and what it does to memory, descriptors and connections. Uses the release build.
. "$(dirname "$0")/../lib.sh"
agw=${AGW:-${CARGO_TARGET_DIR:-$top/target}/release/agw}
. "$top/tests/fire/manifests.sh"
need curl python3
ulimit -n "$(ulimit -Hn)"

mkdir "$work/manifests"
for address in 127.0.81.2 127.0.81.3; do
  "$agw" mock-provider --listen "$address:8090" >/dev/null 2>&1 &
  pids+=($!)
done
manifests 0 model-0 >"$work/manifests/all.yaml"
start_agw 127.0.81.1 soak -f "$work/manifests"
(
  # An edit every twenty seconds.
  round=0
  while sleep 20; do
    round=$((round + 1))
    manifests "$round" "model-$((round % 2))" >"$work/next"
    mv "$work/next" "$work/manifests/all.yaml"
  done
) &
editor=$!
gateway=${pids[-1]}
pids+=("$editor")
if ! python3 "$top/tests/soak/load.py" 127.0.81.1 "$gateway" "${MINUTES:-30}"; then bad "see above"; fi
finish "tests/soak"
