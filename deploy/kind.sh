#!/usr/bin/env bash
# A cluster in Docker with AgentGateway, the mock provider and the six example patterns, at localhost:8080.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/versions.sh

for command in docker kind kubectl helm; do
  command -v "$command" >/dev/null || { echo "make kind needs $command" >&2; exit 1; }
done
if ! kind get clusters | grep -qx agentgateway; then
  kind create cluster --config kind-config.yaml
fi
docker build --tag "$image" --build-arg "GIT_SHA=$(git rev-parse --short HEAD 2>/dev/null || true)" .
kind load docker-image --name agentgateway "$image"
kubectl config use-context kind-agentgateway
kubectl apply --server-side -f "$gateway_api"
helm upgrade --install agentgateway-crds charts/agentgateway-crds
helm upgrade --install agentgateway charts/agentgateway --namespace ai --create-namespace --wait \
  --set demo.mockProvider.enabled=true
kubectl apply -f examples/routing-patterns -f deploy/kind-service.yaml
kubectl --namespace ai wait gateway/ai --for=condition=Programmed --timeout=2m
echo "curl localhost:8080/models/mini -H 'content-type: application/json' -d '{\"messages\":[{\"role\":\"user\",\"content\":\"What model are you?\"}]}'"
