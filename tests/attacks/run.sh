#!/usr/bin/env bash
# Attacks on the real binary (run.py), on loopback only.
. "$(dirname "$0")/../lib.sh"
need curl python3 openssl

# Thousands of connections, on both sides.
ulimit -n "$(ulimit -Hn)"
address=127.0.80.1
mkdir "$work/manifests"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=a -keyout "$work/a.key" -out "$work/a.crt" 2>/dev/null
{
  cat "$top/tests/attacks/gateway.yaml"
  printf -- '---\napiVersion: v1\nkind: Secret\nmetadata: {name: pair, namespace: ai}\nstringData:\n'
  printf '  tls.crt: |\n'; sed 's/^/    /' "$work/a.crt"
  printf '  tls.key: |\n'; sed 's/^/    /' "$work/a.key"
} >"$work/manifests/gateway.yaml"
python3 "$top/tests/attacks/upstreams.py" 127.0.80.2 8090 &
pids+=($!)
start_agw "$address" attacked -f "$work/manifests" --mock
gateway=${pids[1]}
if ! python3 "$top/tests/attacks/run.py" "$address" "$gateway" "$@"; then
  tail -5 "$work/attacked.err" >&2
  die "tests/attacks: see above"
fi
kill -0 "$gateway" 2>/dev/null || die "the gateway is gone"
finish "tests/attacks"
