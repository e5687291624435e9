#!/usr/bin/env bash
# Debian's real Prometheus scrapes proxies and controller in the cluster; each panel of the dashboard has data.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/dashboard/prometheus.sh"
if ! reason=$(find_prometheus); then
  echo "  SKIPPED: $reason"
  exit 0
fi
find_prometheus
with_examples
k apply -f "$top/tests/dashboard/insistent.yaml" >/dev/null
inside=("$rig" in)
targets=()
for pod in $(k -n ai get pods -l gateway.networking.k8s.io/gateway-name=ai -o jsonpath='{.items[*].status.podIP}') \
  $(k -n "$system" get pods -l app.kubernetes.io/name=agentgateway-controller -o jsonpath='{.items[*].status.podIP}'); do
  targets+=("$pod:15020")
done
start_prometheus 127.0.0.1:9090 "${targets[@]}"
"$rig" in python3 "$top/tests/dashboard/load.py" "$(address ai ai):8080" "http://$(address "$system" "$mock"):8090" &
load=$!
pids+=("$load")
touch_routes() {
  for number in $(seq 300); do
    k -n ai annotate --overwrite httproute by-path "touched=$number" >/dev/null 2>&1 || true
    k -n ai patch httproute by-path --type=json -p "[{\"op\":\"add\",\"path\":\"/spec/rules/0/name\",\"value\":\"touch-$number\"}]" >/dev/null 2>&1 || true
    sleep 0.5
  done
}
touch_routes &
pids+=($!)
until_holds 30 "Prometheus is ready" in_rig curl -fs -o /dev/null http://127.0.0.1:9090/-/ready
if in_rig python3 "$top/tests/dashboard/panels.py" 127.0.0.1:9090 "$top/charts/agentgateway/dashboards/agentgateway.json"; then
  ok "every query returns data"
else
  bad "queries without data"
fi
# The load would set its faults again.
kill -TERM "$load"
wait "$load" || true
in_rig curl -sf -X DELETE "http://$(address "$system" "$mock"):8090/_mock/faults" >/dev/null
k -n ai delete -f "$top/tests/dashboard/insistent.yaml" >/dev/null
finish 85-dashboard
