# Sourced by the scripts next to it: starts and ends the real binary.
# shellcheck shell=bash
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
agw=${AGW:-${CARGO_TARGET_DIR:-$top/target}/debug/agw}
work=$(mktemp -d)
pids=()

cleanup() {
  local pid
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap cleanup EXIT

failures=0
ok() { printf '  ok    %s\n' "$*"; }
bad() { printf '  FAIL  %s\n' "$*"; failures=$((failures + 1)); }
die() { printf 'FAIL: %s\n' "$*" >&2; exit 1; }
# same WHAT EXPECTED FOUND
same() { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1: expected '$2', found '$3'"; fi; }
# holds WHAT TEXT PATTERN: a line of the text matches the extended regular expression
holds() { if grep -qE -- "$3" <<<"$2"; then ok "$1"; else bad "$1: no line like '$3' in: $2"; fi; }

finish() {
  if [ "$failures" -gt 0 ]; then die "$1: $failures checks failed"; fi
  printf '%s: all checks passed\n' "$1"
}

need() {
  local command
  for command in "$@"; do
    command -v "$command" >/dev/null || die "$command is needed (apt-get install $command)"
  done
  [ -x "$agw" ] || die "$agw is not there: make build"
}

# start_agw ADDRESS NAME ARGUMENT...: serves on the address, output in $work/NAME.{out,err}
start_agw() {
  local address=$1 name=$2
  shift 2
  if (exec 3<>"/dev/tcp/$address/8080") 2>/dev/null; then
    die "port 8080 of $address is taken; stop what listens there"
  fi
  env -u OPENAI_API_KEY "$agw" run --bind "$address" --admin "$address:15000" \
    --metrics "$address:15020" --ready "$address:15021" "$@" \
    >"$work/$name.out" 2>"$work/$name.err" &
  pids+=($!)
  local pid=$! tries
  for tries in $(seq 300); do
    if curl -fsS -o /dev/null "http://$address:15021/healthz/ready" 2>/dev/null; then return; fi
    kill -0 "$pid" 2>/dev/null || die "agw ended: $(cat "$work/$name.err")"
    sleep 0.1
  done
  die "agw is not ready after $tries tries: $(cat "$work/$name.err")"
}

# lines FILE COUNT: waits until the file has that many lines
lines() {
  local tries
  for tries in $(seq 100); do
    if [ "$(wc -l <"$1")" -ge "$2" ]; then return; fi
    sleep 0.1
  done
  die "$1 has $(wc -l <"$1") lines and not $2 after $tries tries"
}
