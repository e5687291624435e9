#!/usr/bin/env bash
# The official Python clients of OpenAI, Anthropic and Google against every provider of examples/providers, each cell of
# client format × provider × {plain, stream, tools, error}: docs/providers.md shows what held.
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
