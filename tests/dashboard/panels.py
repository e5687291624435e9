#!/usr/bin/env python3
"""Asks a Prometheus for what each panel of the dashboard, and each query of the document, asks for.

Every one must return a number; it is asked until it does, for a rate needs a few scrapes. Arguments: the Prometheus'
HOST:PORT, the dashboard's file, and titles of rows that have no data where it is asked.
"""
import json
import math
import sys
import time
import urllib.parse
import urllib.request

# What Grafana puts in place of its variables.
VARIABLES = {"$gateway": ".*", "$route": ".*", "$__rate_interval": "10s"}

# The queries of "Advanced Routing Patterns for AI Models", as they stand there.
DOCUMENT = [
    "sum(rate(agentgateway_requests_total[5m])) by (route_name)",
    "sum(rate(agentgateway_requests_total[5m])) by (model)",
    "sum(rate(agentgateway_tokens_total[5m])) by (route_name, token_type)",
]

PATIENCE_SECONDS = 90


def queries(dashboard, without):
    row = None
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            row = panel["title"]
        if row in without:
            continue
        for target in panel.get("targets", []):
            expression = target["expr"]
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            yield f"panel {panel['title']!r} {target['refId']}", expression
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            text = variable["query"]["query"].replace("$gateway", ".*")
            series, label = text.removeprefix("label_values(").removesuffix(")").rsplit(", ", 1)
            yield f"variable {variable['name']!r}", f"count({series}) by ({label})"
    for expression in DOCUMENT:
        yield "document", expression


def ask(address, expression):
    """The numbers of an instant query's answer; Prometheus refuses an expression with an exception."""
    url = f"http://{address}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(url, timeout=10) as answer:
        result = json.load(answer)["data"]["result"]
    return [value for value in (float(series["value"][1]) for series in result) if math.isfinite(value)]


def main(address, path, *without):
    with open(path, encoding="utf-8") as file:
        pending = list(queries(json.load(file), without))
    total, end = len(pending), time.monotonic() + PATIENCE_SECONDS
    while pending and time.monotonic() < end:
        pending = [(name, expression) for name, expression in pending if not ask(address, expression)]
        if pending:
            time.sleep(1)
    for name, expression in pending:
        print(f"  FAIL  {name} has no data: {expression}")
    print(f"  {total - len(pending)} of {total} queries return data")
    return 1 if pending else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
