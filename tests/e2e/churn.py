#!/usr/bin/env python3
"""Routes that are created, changed and deleted at random, while another controller writes its own entries into their
statuses; then a look at what the statuses say.

Arguments: the kubeconfig, the seconds, and the number of routes. In the namespace `e2e-churn`, with a Gateway `gw`.
Writes what it found as JSON; ends badly when an entry was lost, a condition is stale, or a count is wrong at rest.
"""
import http.client
import json
import random
import sys
import threading
import time

from api_server import connector

SPACE = "e2e-churn"
API = f"/apis/gateway.networking.k8s.io/v1/namespaces/{SPACE}/httproutes"
GATEWAY = f"/apis/gateway.networking.k8s.io/v1/namespaces/{SPACE}/gateways/gw"
OURS, THEIRS = "agentgateway.dev/agentgateway", "example.com/other"
REST = 60
PATIENCE = 30


class Client:
    def __init__(self, connect):
        self.connect, self.api = connect, connect()

    def ask(self, method, path, body=None, kind="application/json"):
        for attempt in (0, 1):
            try:
                self.api.request(method, path, json.dumps(body) if body is not None else None, {"content-type": kind})
                answer = self.api.getresponse()
                return answer.status, json.loads(answer.read())
            except (http.client.HTTPException, OSError):
                self.api = self.connect()
                if attempt:
                    raise


def route(name):
    return {
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": name, "namespace": SPACE},
        "spec": spec(name),
    }


def spec(name):
    kind = {"group": "agentgateway.dev", "kind": "AgentgatewayBackend", "name": random.choice(["model", "model", "missing"])}
    parents = [{"name": "gw", "sectionName": random.choice(["http", "http", "none"])}, {"name": "theirs"}]
    return {"parentRefs": parents, "rules": [{"matches": [{"path": {"value": f"/{name}/{random.randrange(1000)}"}}], "backendRefs": [kind]}]}


class Churn:
    def __init__(self, connect, seconds, count):
        self.connect, self.end = connect, time.monotonic() + seconds
        self.names = [f"r{number}" for number in range(count)]
        self.lock = threading.Lock()
        self.theirs, self.problems, self.counts = {}, [], {"writes": 0, "foreign": 0}

    def write(self):
        client = Client(self.connect)
        while time.monotonic() < self.end:
            name = random.choice(self.names)
            action = random.choices(["create", "change", "delete"], [3, 5, 1])[0]
            if action == "create":
                client.ask("POST", API, route(name))
            elif action == "change":
                client.ask("PATCH", f"{API}/{name}", {"spec": spec(name)}, "application/merge-patch+json")
            else:
                client.ask("DELETE", f"{API}/{name}")
            self.counts["writes"] += 1

    def other_controller(self):
        """Puts an entry of its own beside ours, and looks whether the one that it wrote before is still there."""
        client = Client(self.connect)
        while time.monotonic() < self.end:
            name = random.choice(self.names)
            status, found = client.ask("GET", f"{API}/{name}")
            if status != 200:
                continue
            uid = found["metadata"]["uid"]
            parents = found.setdefault("status", {}).setdefault("parents", [])
            own = [entry for entry in parents if entry["controllerName"] == THEIRS]
            with self.lock:
                if self.theirs.get(name) == uid and not own:
                    self.problems.append(f"{name}: the other controller's entry was lost")
            condition = {
                "type": "Accepted", "status": random.choice(["True", "False"]), "reason": "Theirs", "message": "",
                "observedGeneration": found["metadata"]["generation"], "lastTransitionTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            }
            entry = {"controllerName": THEIRS, "parentRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "theirs"}, "conditions": [condition]}
            found["status"]["parents"] = [e for e in parents if e["controllerName"] != THEIRS] + [entry]
            status, _ = client.ask("PUT", f"{API}/{name}/status", found)
            if status == 200:
                with self.lock:
                    self.theirs[name] = uid
                self.counts["foreign"] += 1
            time.sleep(0.01)

    def wrong(self, client):
        """What is not as it should be at rest."""
        wrong = []
        _, listed = client.ask("GET", API)
        accepted = 0
        for found in listed["items"]:
            name, generation = found["metadata"]["name"], found["metadata"]["generation"]
            parents = found.get("status", {}).get("parents", [])
            ours = [entry for entry in parents if entry["controllerName"] == OURS]
            if len(ours) != 1:
                wrong.append(f"{name}: {len(ours)} entries of ours")
                continue
            conditions = {condition["type"]: condition for condition in ours[0]["conditions"]}
            wrong += [f"{name}: {c['type']} is stale" for c in conditions.values() if c["observedGeneration"] != generation]
            section = found["spec"]["parentRefs"][0]["sectionName"]
            if (conditions["Accepted"]["status"] == "True") != (section == "http"):
                wrong.append(f"{name}: Accepted is {conditions['Accepted']['status']} on {section}")
            accepted += conditions["Accepted"]["status"] == "True"
            missing = found["spec"]["rules"][0]["backendRefs"][0]["name"] == "missing"
            if (conditions["ResolvedRefs"]["status"] == "True") == missing:
                wrong.append(f"{name}: ResolvedRefs is {conditions['ResolvedRefs']['status']}")
            their = [entry for entry in parents if entry["controllerName"] == THEIRS]
            if self.theirs.get(name) == found["metadata"]["uid"] and len(their) != 1:
                wrong.append(f"{name}: the other controller's entry was lost")
        _, gateway = client.ask("GET", GATEWAY)
        attached = gateway["status"]["listeners"][0]["attachedRoutes"]
        if attached != accepted:
            wrong.append(f"{attached} routes are said to be attached, and {accepted} are")
        return wrong, len(listed["items"]), accepted

    def run(self):
        tasks = [threading.Thread(target=self.write) for _ in range(2)] + [threading.Thread(target=self.other_controller)]
        for task in tasks:
            task.start()
        for task in tasks:
            task.join()
        client, until = Client(self.connect), time.monotonic() + REST
        while True:
            wrong, routes, accepted = self.wrong(client)
            if not wrong or time.monotonic() > until:
                break
            time.sleep(0.5)
        return {**self.counts, "routes": routes, "accepted": accepted, "problems": (self.problems + wrong)[:20]}


if __name__ == "__main__":
    result = Churn(connector(sys.argv[1], PATIENCE), float(sys.argv[2]), int(sys.argv[3])).run()
    print(json.dumps(result))
    sys.exit(bool(result["problems"]))
