#!/usr/bin/env bash
# Debian's real Prometheus scrapes the running gateway under load; every panel of the Grafana dashboard, and every
# query of the document "Advanced Routing Patterns", must return data. There is no controller here: its row is asked in
# a cluster, by tests/e2e/parts/85-dashboard.sh.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/dashboard/prometheus.sh"

dashboard=$top/charts/agentgateway/dashboards/agentgateway.json
python3 "$top/tests/dashboard/shape.py" "$dashboard" || die "the dashboard is broken"
ok "the dashboard is well formed"

need curl jq python3
if ! reason=$(find_prometheus); then
  echo "SKIPPED tests/dashboard, its queries: $reason"
  exit 0
fi
find_prometheus

address=127.0.79.1
mock=127.0.79.2:8090
inside=()
"$agw" mock-provider --listen "$mock" >"$work/mock.out" 2>"$work/mock.err" &
pids+=($!)
start_agw "$address" gateway -f "$top/examples/routing-patterns" \
  -f "$top/tests/dashboard/insistent.yaml" "--mock=http://$mock"
start_prometheus "$address:9090" "$address:15020"
python3 "$top/tests/dashboard/load.py" "$address:8080" "http://$mock" &
pids+=($!)
for _ in $(seq 300); do
  if curl -fsS -o /dev/null "http://$address:9090/-/ready" 2>/dev/null; then break; fi
  sleep 0.1
done
if python3 "$top/tests/dashboard/panels.py" "$address:9090" "$dashboard" Controller; then
  ok "every query returns data"
else
  bad "queries without data; Prometheus says: $(tail -n 3 "$work/prometheus.log")"
fi
finish tests/dashboard
