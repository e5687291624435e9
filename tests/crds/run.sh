#!/usr/bin/env bash
# Shows a real API server the definitions and the corpus: what is valid it takes and keeps whole, what is invalid it
# refuses with the words that the file's first line expects. KUBECTL is the command to use, with its arguments
# (`KUBECTL="tests/cluster/rig in kubectl" tests/crds/run.sh`). Nothing but the definitions stays.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
read -ra kubectl <<<"${KUBECTL:-kubectl}"
failures=0
bad() { printf '  FAIL  %s\n' "$*"; failures=$((failures + 1)); }
# feed FILE ARGUMENT...: kubectl with the file on its standard input, wherever it runs
feed() { local file=$1; shift; "${kubectl[@]}" "$@" -f - <"$file" 2>&1; }

for crd in "$top"/crds/*.yaml; do
  # Twice: what was applied is also kept in an annotation, which has a limit.
  feed "$crd" apply >/dev/null || bad "$(basename "$crd") is not taken"
  feed "$crd" apply | grep -q unchanged || bad "$(basename "$crd") is not what was applied"
done
for crd in "$top"/crds/*.yaml; do
  name=$(basename "$crd" .yaml)
  "${kubectl[@]}" wait --for=condition=Established --timeout=60s "crd/$name" >/dev/null || bad "$name is not served"
done

for file in "$top"/tests/crds/valid/*.yaml; do
  if ! answer=$(feed "$file" apply --dry-run=server); then bad "$(basename "$file"): $answer"; fi
done
# `kubectl apply` itself drops nulls before the server sees them; others do not, and then the server must keep them.
null=$top/tests/crds/valid/backend-provider-null.yaml
if ! feed "$null" create --dry-run=server -o json | tr -d ' \n' | grep -q '"provider":{"openai":null}'; then
  bad "a null provider is pruned"
fi

for file in "$top"/tests/crds/invalid/*.yaml; do
  expected=$(sed -n '1s/^# expect: //p' "$file")
  if answer=$(feed "$file" apply --dry-run=server); then
    bad "$(basename "$file") is taken, expected: $expected"
  elif ! grep -qF -- "$expected" <<<"$answer"; then
    bad "$(basename "$file"): expected: $expected; found: $answer"
  fi
done

if [ "$failures" -gt 0 ]; then printf 'FAIL: crds: %s checks failed\n' "$failures" >&2; exit 1; fi
printf 'crds: all checks passed\n'
