# Sourced after ../lib.sh: finds Prometheus, or unpacks Debian's package without installing it.
# shellcheck shell=bash

# Sets $prometheus, or says why there is none and fails.
find_prometheus() {
  local cache=${AGW_TEST_CACHE:-$top/.cache/prometheus} package
  prometheus=$(command -v prometheus || true)
  if [ -n "$prometheus" ]; then return; fi
  prometheus=$cache/usr/bin/prometheus
  if [ -x "$prometheus" ]; then return; fi
  if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
    echo "there is no prometheus here, and no apt-get to fetch it with"
    return 1
  fi
  mkdir -p "$cache"
  if ! (cd "$cache" && apt-get download prometheus >/dev/null 2>&1); then
    if [ "$(id -u)" = 0 ]; then apt-get update -qq; fi
    if ! (cd "$cache" && apt-get download prometheus >/dev/null 2>&1); then
      echo "there is no prometheus here, and apt-get cannot download it"
      return 1
    fi
  fi
  package=$(find "$cache" -maxdepth 1 -name 'prometheus_*.deb' | head -n 1)
  dpkg -x "$package" "$cache"
  rm -f "$package"
}

# start_prometheus ADDRESS TARGET…: scrapes the targets each second; run in $inside, if that is set
start_prometheus() {
  local address=$1 targets
  shift
  targets=$(printf '"%s",' "$@")
  cat >"$work/prometheus.yml" <<CONFIG
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - job_name: agentgateway
    static_configs: [{targets: [${targets%,}]}]
CONFIG
  "${inside[@]}" "$prometheus" --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/tsdb" \
    --web.listen-address="$address" >"$work/prometheus.log" 2>&1 &
  pids+=($!)
}
