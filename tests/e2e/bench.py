#!/usr/bin/env python3
"""How fast a change is served, in the cluster that runs: a report in Markdown.

Arguments: the kubeconfig, the gateway's address, and how many routes there are beside those that are measured.

A route is created through the API server over a connection that is open; from the instant at which the API server has
said yes, the gateway is asked for it over another, until it answers 200. Nothing is deployed meanwhile. In a namespace
of its own, `e2e-bench`, with a Gateway `bench` and a backend of that name.
"""
import concurrent.futures
import http.client
import json
import statistics
import sys
import threading
import time

from api_server import connector

SPACE = "e2e-bench"
API = f"/apis/gateway.networking.k8s.io/v1/namespaces/{SPACE}/httproutes"
CHANGES = 200
WRITERS = 8
PROMPT = json.dumps({"messages": [{"role": "user", "content": "Hi"}]})
PATIENCE = 60


def write(api, method, path, body=None, expected=(200, 201)):
    api.request(method, path, json.dumps(body) if body else None, {"content-type": "application/json"})
    answer = api.getresponse()
    text = answer.read()
    if answer.status not in expected:
        raise SystemExit(f"{method} {path}: {answer.status} {text[:300]!r}")


def route(name):
    backend = {"group": "agentgateway.dev", "kind": "AgentgatewayBackend", "name": "bench"}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": name, "namespace": SPACE},
        "spec": {
            "parentRefs": [{"name": "bench"}],
            "rules": [{
                "matches": [{"path": {"type": "PathPrefix", "value": f"/bench/{name}"}}],
                "filters": [{"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplaceFullPath", "replaceFullPath": "/v1/chat/completions"}}}],
                "backendRefs": [backend],
            }],
        },
    }


def ask(client, name):
    client.request("POST", f"/bench/{name}", PROMPT, {"content-type": "application/json"})
    answer = client.getresponse()
    answer.read()
    return answer.status


def served_after(client, name, since):
    """Milliseconds from `since` until the first 200."""
    while (status := ask(client, name)) != 200:
        if time.monotonic() - since > PATIENCE:
            raise SystemExit(f"{name} is not served within {PATIENCE} s: {status}")
    return (time.monotonic() - since) * 1000


def bulk(connect, client, count):
    """Creates routes as fast as the API server takes them, and then asks for each.

    The seconds that it took, and the milliseconds from the last write until the last written ones are served.
    """
    own = threading.local()

    def create(number):
        if not hasattr(own, "api"):
            own.api = connect()
        write(own.api, "POST", API, route(f"many-{number}"))

    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(WRITERS) as writers:
        list(writers.map(create, range(count)))
    wrote = time.monotonic()
    late = max(served_after(client, f"many-{number}", wrote) for number in range(count - 1, max(count - 1 - 4 * WRITERS, -1), -1))
    missing = [number for number in range(count) if ask(client, f"many-{number}") != 200]
    if missing:
        raise SystemExit(f"{len(missing)} routes are not served")
    return wrote - began, late


def one_by_one(api, client, tag):
    took = []
    for number in range(CHANGES):
        name = f"{tag}-{number}"
        write(api, "POST", API, route(name))
        took.append(served_after(client, name, time.monotonic()))
    return sorted(took)


def main(kubeconfig, address, count):
    connect = connector(kubeconfig, PATIENCE)
    api, client = connect(), http.client.HTTPConnection(address, 8080, timeout=PATIENCE)
    print("| | p50 ms | p99 ms | most |\n|---|---|---|---|")
    few = one_by_one(api, client, "few")
    report("apply to first 200, few routes", few)
    seconds, late = bulk(connect, client, int(count))
    # The API server closes connections that were idle so long.
    many = one_by_one(connect(), client, "among")
    report(f"apply to first 200, {count} routes", many)
    print(f"\n{count} routes written in {seconds:.1f} s; the last written were served {late:.0f} ms after the last write, and then each answered.")


def report(what, took):
    p99 = took[min(len(took) - 1, len(took) * 99 // 100)]
    print(f"| {what} | {statistics.median(took):.1f} | {p99:.1f} | {took[-1]:.1f} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
