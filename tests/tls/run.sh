#!/usr/bin/env bash
# TLS listeners as curl and openssl see them: certificates by server name, HTTP/2 by ALPN, misdirected requests,
# and a certificate that is swapped while requests run.
. "$(dirname "$0")/../lib.sh"
need curl jq openssl

address=127.0.79.1
mkdir "$work/manifests"

# pair NAME HOST: $work/NAME.crt and $work/NAME.key
pair() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$2" \
    -addext "subjectAltName=DNS:$2" -keyout "$work/$1.key" -out "$work/$1.crt" 2>/dev/null
}

# secret NAME PAIR: the manifest; a rename makes the change whole
secret() {
  {
    printf 'apiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: ai}\ntype: kubernetes.io/tls\nstringData:\n' "$1"
    printf '  tls.crt: |\n'; sed 's/^/    /' "$work/$2.crt"
    printf '  tls.key: |\n'; sed 's/^/    /' "$work/$2.key"
  } >"$work/secret.new"
  mv "$work/secret.new" "$work/manifests/$1.yaml"
}

pair one one.example.com
pair two two.example.com
pair wild '*.example.org'
pair next one.example.com
for name in one two wild; do secret "$name" "$name"; done
cat >"$work/manifests/gateway.yaml" <<'YAML'
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: ai}
spec:
  gatewayClassName: agentgateway
  listeners:
  - {name: one, protocol: HTTPS, port: 8443, hostname: one.example.com, tls: {certificateRefs: [{name: one}]}}
  - {name: two, protocol: HTTPS, port: 8443, hostname: two.example.com, tls: {certificateRefs: [{name: two}]}}
  - {name: wild, protocol: HTTPS, port: 8443, hostname: '*.example.org', tls: {certificateRefs: [{name: wild}]}}
  - {name: plain, protocol: HTTP, port: 8080}
---
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayBackend
metadata: {name: b, namespace: ai}
spec: {ai: {provider: {openai: {model: gpt-4o}}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: chat, namespace: ai}
spec:
  parentRefs: [{name: gw}]
  rules:
  - backendRefs: [{name: b, group: agentgateway.dev, kind: AgentgatewayBackend}]
  - matches: [{path: {value: /old}}]
    filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath, replaceFullPath: /new}}}]
YAML
start_agw "$address" tls -f "$work/manifests" --mock

chat='{"messages":[{"role":"user","content":"Hi"}]}'
# ask CERTIFICATE HOST ARGUMENT...: status, HTTP version and whether the certificate is the one trusted
ask() {
  local certificate=$1 host=$2
  shift 2
  curl -s -m 10 --resolve "*:8443:$address" --cacert "$work/$certificate.crt" -o /dev/null \
    -w '%{http_code} %{http_version} %{ssl_verify_result}' -d "$chat" "$@" "https://$host:8443/v1/chat/completions" || true
}

same "certificate of one listener, HTTP/2" "200 2 0" "$(ask one one.example.com)"
same "certificate of the other, HTTP/1.1" "200 1.1 0" "$(ask two two.example.com --http1.1)"
same "wildcard" "200 2 0" "$(ask wild any.example.org)"
same "the other's certificate is not shown" "000 0 18" "$(ask two one.example.com)"
same "TLS 1.2" "200 2 0" "$(ask one one.example.com --tls-max 1.2)"
same "TLS 1.1 is refused" "000 0" "$(ask one one.example.com --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0 | cut -d' ' -f1-2)"
same "a name nobody serves" "000 0" "$(ask one else.example.net | cut -d' ' -f1-2)"
same "a request for another listener's host" "421 2 0" "$(ask one one.example.com -H 'Host: two.example.com')"
same "cleartext beside it" "200" "$(curl -s -o /dev/null -w '%{http_code}' -d "$chat" "http://$address:8080/v1/chat/completions")"
same "redirects keep the scheme" "https://one.example.com:8443/new" \
  "$(curl -s --resolve "*:8443:$address" --cacert "$work/one.crt" -o /dev/null -w '%{redirect_url}' https://one.example.com:8443/old)"

holds "sessions resume" "$(openssl s_client -connect "$address:8443" -servername one.example.com -tls1_2 -reconnect </dev/null 2>/dev/null)" "^Reused"

# A new pair under load: every request succeeds with the old or the new one, and soon only with the new.
(for _ in $(seq 60); do ask one one.example.com -k; echo; done) >"$work/during" &
load=$!
sleep 0.5
secret one next
wait "$load"
same "no request failed while the certificate was swapped" "60" "$(grep -c '^200 2' "$work/during")"
for _ in $(seq 50); do
  found=$(ask next one.example.com)
  if [ "$found" = "200 2 0" ]; then break; fi
  sleep 0.1
done
same "the new certificate is shown" "200 2 0" "$found"

# A Secret that is no pair keeps the last good configuration.
sed -i 's/BEGIN CERTIFICATE/BEGIN NONSENSE/' "$work/manifests/two.yaml"
for _ in $(seq 50); do
  if grep -q AGW0212 "$work/tls.err"; then break; fi
  sleep 0.1
done
holds "a broken Secret is told" "$(cat "$work/tls.err")" "AGW0212"
same "and changes nothing" "200 2 0" "$(ask two two.example.com)"
finish "tests/tls"
