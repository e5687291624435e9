#!/usr/bin/env bash
# Prints what helps to see why a part failed.
. "$(dirname "$0")/lib.sh"
echo "--- pods"
k get pods -A -o wide | grep -v kube-system || true
echo "--- controller"
k -n "$system" logs "deployment/$controller" --all-containers --prefix --tail=20 || true
echo "--- events"
k get events.events.k8s.io -A --sort-by=.metadata.creationTimestamp | tail -n 15 || true
