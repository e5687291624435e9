#!/usr/bin/env bash
# The official Python clients of OpenAI, Anthropic and Google, and the clients of npm, against every provider of
# examples/providers, each cell of client format × provider × {plain, stream, tools, error}: docs/providers.md shows what held.
#   UPDATE=1   writes the table instead of comparing with it
. "$(dirname "$0")/../lib.sh"
need curl python3

venv=${CARGO_TARGET_DIR:-$top/target}/clients-venv
requirements=$top/tests/clients/requirements.txt
if ! cmp -s "$requirements" "$venv/requirements.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv" || die "python3-venv is needed (apt-get install python3-venv)"
  if ! "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"; then
    printf 'tests/clients: SKIPPED, nothing was checked: pip cannot install the official clients here\n'
    exit 0
  fi
  cp "$requirements" "$venv/requirements.txt"
fi

address=127.0.81.1
start_agw "$address" clients -f "$top/examples/providers" -f "$top/tests/clients/aws.yaml" --mock
if ! "$venv/bin/python" "$top/tests/clients/matrix.py" "http://$address:8080" "$top/docs/providers.md"; then
  bad "the matrix"
fi

# The clients of npm, where there is node and a registry.
packages=${CARGO_TARGET_DIR:-$top/target}/clients-npm
major=$(node --version 2>/dev/null | sed -n 's/^v\([0-9]*\).*/\1/p')
if [ "${major:-0}" -lt 20 ] || ! command -v npm >/dev/null; then
  printf '  SKIPPED  the clients of npm were not checked: node 20 or newer, with npm, is needed (apt-get install nodejs npm)\n'
else
  mkdir -p "$packages"
  if ! cmp -s "$top/tests/clients/package.json" "$packages/installed.json"; then
    cp "$top/tests/clients/package.json" "$packages/package.json"
    if (cd "$packages" && npm install --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error); then
      cp "$packages/package.json" "$packages/installed.json"
    else
      printf '  SKIPPED  the clients of npm were not checked: npm cannot install them here\n'
    fi
  fi
  if [ -f "$packages/installed.json" ]; then
    if ! (cd "$packages" && node "$top/tests/clients/matrix.mjs" "http://$address:8080" "$top/docs/providers.md"); then
      bad "the matrix of npm"
    fi
  fi
fi

# Every order in which providers fail, and what the mock saw of their keys.
mkdir "$work/canary"
python3 "$top/tests/clients/canary.py" "$work/canary"
mock=127.0.81.3:8090
"$agw" mock-provider --listen "$mock" >"$work/mock.out" 2>"$work/mock.err" &
pids+=($!)
for _ in $(seq 100); do
  if curl -fsS -o /dev/null "http://$mock/_mock/requests" 2>/dev/null; then break; fi
  sleep 0.1
done
start_agw 127.0.81.2 canary -f "$work/canary" "--mock=http://$mock"
if ! python3 "$top/tests/clients/canary.py" "http://127.0.81.2:8080" "http://$mock"; then
  bad "keys stay with their providers"
fi
finish "tests/clients"
