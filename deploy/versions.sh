# Sourced: what the scripts and the documentation install.
# shellcheck shell=bash disable=SC2034
version=$(sed -n 's/^appVersion: //p' charts/agentgateway/Chart.yaml)
image=agentgateway/agw:$version
gateway_api=https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.6.3/experimental-install.yaml
