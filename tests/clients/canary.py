#!/usr/bin/env python3
"""No provider sees another's key, in whatever order they fail.

Arguments: the gateway's URL, the mock's, and a folder to write manifests into; without URLs it writes them and ends.
Every order of the four providers is a backend of its own, in which each but the last answers 503. The mock notes the
fingerprints of all credentials that each request carries.
"""
import hashlib
import itertools
import json
import sys
import urllib.request

KEYS = {
    "openai": ("authorization", "canary-openai"),
    "anthropic": ("x-api-key", "canary-anthropic"),
    "gemini": ("x-goog-api-key", "canary-gemini"),
    "azureopenai": ("api-key", "canary-azure"),
}
# The path by which the mock knows who was asked.
PATHS = {"/openai/v1/": "azureopenai", "/v1/chat/completions": "openai", "/v1/messages": "anthropic", "/v1beta/": "gemini"}
ORDERS = list(itertools.permutations(KEYS))
CLIENT = {"authorization": "Bearer canary-client", "x-api-key": "canary-client", "api-key": "canary-client", "x-goog-api-key": "canary-client"}


def manifests():
    kind = {"apiVersion": "agentgateway.dev/v1alpha1", "kind": "AgentgatewayBackend"}
    for name, (_, value) in KEYS.items():
        yield {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "default"}, "stringData": {"Authorization": value}}
    yield {
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "canary", "namespace": "default"},
        "spec": {"gatewayClassName": "agentgateway", "listeners": [{"name": "http", "port": 8080, "protocol": "HTTP"}]},
    }
    rules = []
    for order in ORDERS:
        name = "-".join(order)
        groups = []
        for at, provider in enumerate(order):
            settings = {"model": f"{provider}-{at}"}
            if provider == "azureopenai":
                settings = {"endpoint": "canary.openai.azure.com", "deploymentName": f"{provider}-{at}"}
            auth = {"auth": {"secretRef": {"name": provider}}}
            groups.append({"providers": [{"name": provider, provider: settings, "policies": auth}]})
        yield {**kind, "metadata": {"name": name, "namespace": "default"}, "spec": {"ai": {"groups": groups}}}
        backend = {"group": "agentgateway.dev", "kind": "AgentgatewayBackend", "name": name}
        rules.append({"matches": [{"path": {"type": "PathPrefix", "value": f"/{name}/"}}], "backendRefs": [backend]})
    for at in range(0, len(rules), 12):
        yield {
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": f"canary-{at}", "namespace": "default"},
            "spec": {"parentRefs": [{"name": "canary"}], "rules": rules[at:at + 12]},
        }


def call(url, body=None, headers=None, method=None):
    request = urllib.request.Request(url, json.dumps(body).encode() if body is not None else None, headers or {}, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read()


def asked(path):
    return next((name for start, name in PATHS.items() if path.startswith(start)), path)


def main(gateway, mock):
    faults, own = [], {name: {header: hashlib.sha256(value.encode()).hexdigest()} for name, (header, value) in KEYS.items()}
    for at in range(len(KEYS) - 1):
        for provider in KEYS:
            call(f"{mock}/_mock/faults/{provider}-{at}", {"status": 503}, method="PUT")
    for order in ORDERS:
        call(f"{mock}/_mock/requests", method="DELETE")
        body = {"model": "any", "messages": [{"role": "user", "content": "Who?"}]}
        answer = json.loads(call(f"{gateway}/{'-'.join(order)}/v1/chat/completions", body, {"content-type": "application/json", **CLIENT}))
        seen = json.loads(call(f"{mock}/_mock/requests"))
        if answer["model"] != f"{order[-1]}-{len(order) - 1}":
            faults.append(f"{order}: {answer['model']} answered")
        if [asked(record["path"]) for record in seen] != list(order):
            faults.append(f"{order}: asked were {[record['path'] for record in seen]}")
        for record in seen:
            known = own.get(asked(record["path"]), {})
            for header, mark in record["credentials"].items():
                if header not in known or not known[header].startswith(mark):
                    faults.append(f"{order}: {asked(record['path'])} saw another credential in {header}")
            if set(record["credentials"]) != set(known):
                faults.append(f"{order}: {asked(record['path'])} saw {sorted(record['credentials'])}")
    for fault in faults:
        print(f"  FAIL  {fault}")
    print(f"{len(ORDERS)} orders of {len(KEYS)} failing providers, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    if len(sys.argv) == 2:
        with open(f"{sys.argv[1]}/canary.yaml", "w", encoding="utf-8") as file:
            file.write("\n---\n".join(json.dumps(manifest) for manifest in manifests()))
    else:
        sys.exit(main(*sys.argv[1:]))
