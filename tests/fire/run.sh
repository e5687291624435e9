#!/usr/bin/env bash
# Changes and losses under load: manifests rewritten beneath open streams, a primary killed, clients that leave, and
# an end by SIGTERM. Counts are checked, times are only told.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/manifests.sh"
need curl python3
ulimit -n "$(ulimit -Hn)"
rounds=${ROUNDS:-50} streams=${STREAMS:-1000} leavers=${LEAVERS:-2000}

mkdir "$work/manifests"
# serve ROUND MODEL: puts the round's manifests in place in one step
serve() {
  manifests "$1" "$2" >"$work/next"
  mv "$work/next" "$work/manifests/all.yaml"
}
# mock ADDRESS: starts a provider; its process id is in $mocked
mock() {
  "$agw" mock-provider --listen "$1:8090" >/dev/null 2>&1 &
  mocked=$!
  pids+=("$mocked")
  for _ in $(seq 100); do
    if curl -fsS -o /dev/null "http://$1:8090/v1/models" 2>/dev/null; then return; fi
    sleep 0.1
  done
  die "no mock provider on $1"
}
mock 127.0.81.2
mock 127.0.81.3
primary=$mocked
serve 0 model-0
start_agw 127.0.81.1 fire -f "$work/manifests" --drain 60
gateway=${pids[-1]}
load() { python3 "$top/tests/fire/load.py" 127.0.81.1 "$gateway" "$@"; }

load streams "$streams" >"$work/streams" &
loader=$!
for round in $(seq "$rounds"); do
  sleep 0.15
  serve "$round" "model-$((round % 2))"
done
if wait "$loader"; then ok "$(cat "$work/streams")"; else bad "$(cat "$work/streams")"; fi
applied=$(grep -c 'configuration [0-9]* applied' "$work/fire.err")
if [ "$applied" -ge $((rounds / 2)) ]; then ok "$rounds rewrites, $applied configurations in force meanwhile"; else bad "$applied configurations"; fi

load steady 8 >"$work/steady" &
loader=$!
sleep 2
kill -9 "$primary"
if wait "$loader"; then ok "$(cat "$work/steady")"; else bad "$(cat "$work/steady")"; fi

if load leavers "$leavers" >"$work/leavers"; then ok "$(cat "$work/leavers")"; else bad "$(cat "$work/leavers")"; fi

: >"$work/last"
load held $((streams / 2)) >"$work/last" &
loader=$!
for _ in $(seq 600); do
  if grep -q '^open' "$work/last" || ! kill -0 "$loader" 2>/dev/null; then break; fi
  sleep 0.05
done
# The gauge is a second old.
for _ in $(seq 60); do
  open=$(curl -s http://127.0.81.1:15020/metrics | awk '/^agentgateway_client_connections[{ ]/ { print int($NF) }')
  if [ "${open:-0}" -ge $((streams / 2)) ]; then break; fi
  sleep 0.05
done
if [ "${open:-0}" -lt $((streams / 2)) ]; then bad "only ${open:-0} streams were open at SIGTERM"; fi
kill -TERM "$gateway"
if wait "$loader"; then ok "SIGTERM beneath $open connections: $(tail -1 "$work/last")"; else bad "SIGTERM: $(tail -1 "$work/last")"; fi
status=0
wait "$gateway" || status=$?
same "the process ends by itself" 0 "$status"
finish "tests/fire"
