#!/usr/bin/env python3
"""Checks rendered objects: arguments are what was rendered (none, everything, definitions) and its file."""
import json
import sys

import yaml

NAMESPACE = "ai"
CLUSTERWIDE = {"ClusterRole", "ClusterRoleBinding", "GatewayClass", "CustomResourceDefinition"}
# What a Gateway's proxy is called is the Gateway's own name, and a Gateway may be called like the product.
TAKEN = "agentgateway"
OWN = {"Deployment", "Service", "ServiceAccount", "HorizontalPodAutoscaler", "PodDisruptionBudget"}

ALWAYS = {
    "Deployment/agentgateway-controller", "Service/agentgateway-controller", "ServiceAccount/agentgateway-controller",
    "ClusterRole/ai-agentgateway-controller", "ClusterRoleBinding/ai-agentgateway-controller",
    "Role/agentgateway-controller", "RoleBinding/agentgateway-controller",
    "GatewayClass/agentgateway", "GatewayClass/enterprise-agentgateway", "ConfigMap/agentgateway-dashboard",
    "Pod/agentgateway-ready",
}
MORE = {
    "PodDisruptionBudget/agentgateway-controller", "ServiceMonitor/agentgateway-controller",
    "PodMonitor/agentgateway-proxies", "Deployment/agentgateway-mock-provider",
    "Service/agentgateway-mock-provider",
}


class Strict(yaml.SafeLoader):
    """Refuses a key that is there twice, which PyYAML takes and other programs do not."""


def mapping(loader, node):
    keys = [loader.construct_object(key) for key, _ in node.value]
    if len(set(keys)) != len(keys):
        raise yaml.constructor.ConstructorError(None, None, f"a key is there twice among {keys}", node.start_mark)
    return loader.construct_mapping(node, deep=True)


Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)


def selects(item):
    template, selector = item["spec"]["template"], item["spec"]["selector"]["matchLabels"]
    if not selector.items() <= template["metadata"]["labels"].items():
        yield f"{item['metadata']['name']} does not select its own pods"
    for container in template["spec"]["containers"]:
        if "readinessProbe" not in container:
            yield f"{item['metadata']['name']}'s container {container['name']} has no readiness probe"


def confined(name, spec):
    """What the restricted Pod Security Standard asks for, and a file system that cannot be written."""
    context = spec["securityContext"]
    if not (context["runAsNonRoot"] and context["runAsUser"] and context["seccompProfile"]["type"] == "RuntimeDefault"):
        yield f"{name}'s pods are not confined"
    for container in spec["containers"]:
        own = container["securityContext"]
        if own["allowPrivilegeEscalation"] or not own["readOnlyRootFilesystem"] or own["capabilities"] != {"drop": ["ALL"]}:
            yield f"{name}'s container {container['name']} is not confined"


def services(item, deployments):
    wanted = item["spec"]["selector"]
    chosen = [d for d in deployments if wanted.items() <= d["spec"]["template"]["metadata"]["labels"].items()]
    if len(chosen) != 1:
        yield f"the Service {item['metadata']['name']} selects {len(chosen)} Deployments"
        return
    ports = {port["name"] for container in chosen[0]["spec"]["template"]["spec"]["containers"] for port in container["ports"]}
    for port in item["spec"]["ports"]:
        if port["targetPort"] not in ports:
            yield f"the Service {item['metadata']['name']} leads to no port {port['targetPort']}"


def rules(item):
    """No rule grants everything of anything."""
    for rule in item["rules"]:
        if "*" in rule["verbs"] + rule["resources"] + rule["apiGroups"]:
            yield f"{item['kind']} {item['metadata']['name']} has a star"


def values_show(items):
    """Each value of everything.yaml must be found somewhere."""
    text = json.dumps(items)
    for value in ["example.invalid/agw@sha256:0123", "Always", '"replicas": 3', "--log=debug", "--log-format=text", "--image-pull-policy=Always", "2Gi", '"team": "ai"', '"note": "yes"',
                  "kubernetes.io/os", "dedicated", "podAntiAffinity", "topology.kubernetes.io/zone", "system-cluster-critical",
                  "50%", '"role": "gateway"', '"name": "wide"', "EnterpriseAgentgatewayParameters", "15s", '"release": "prometheus"',
                  "grafana_folder", "--mock-provider=http://agentgateway-mock-provider.ai.svc:8090", '"name": "registry"']:
        if value not in text:
            yield f"the value {value} is lost"


def problems(rendered, items):
    names = [f"{item['kind']}/{item['metadata']['name']}" for item in items]
    if len(set(names)) != len(names):
        yield "two objects have the same name"
    if rendered == "definitions":
        if len(items) != 6 or {item["kind"] for item in items} != {"CustomResourceDefinition"}:
            yield f"not six definitions but {names}"
        if any(item["metadata"].get("annotations") != {"helm.sh/resource-policy": "keep"} for item in items):
            yield "a definition would not be kept"
        return
    wanted = ALWAYS | MORE if rendered == "everything" else ALWAYS
    if set(names) != wanted:
        yield f"missing: {sorted(wanted - set(names))}, not asked for: {sorted(set(names) - wanted)}"
    deployments = [item for item in items if item["kind"] == "Deployment"]
    for item in items:
        kind, name = item["kind"], item["metadata"]["name"]
        if kind in OWN and name == TAKEN:
            yield f"the {kind} has a name that a Gateway may have"
        if (item["metadata"].get("namespace") == NAMESPACE) == (kind in CLUSTERWIDE):
            yield f"the {kind} {name} is in namespace {item['metadata'].get('namespace')}"
        if kind == "Deployment":
            yield from selects(item)
            yield from confined(name, item["spec"]["template"]["spec"])
        if kind == "Pod":
            yield from confined(name, item["spec"])
        if kind == "Service":
            yield from services(item, deployments)
        if kind in ("Role", "ClusterRole"):
            yield from rules(item)
        if kind == "ConfigMap":
            json.loads(item["data"]["agentgateway.json"])
            if item["metadata"]["labels"].get("grafana_dashboard") != "1":
                yield "Grafana does not find the dashboard"
    if rendered == "everything":
        yield from values_show(items)


def main(rendered, path):
    with open(path, encoding="utf-8") as file:
        items = [item for item in yaml.load_all(file, Loader=Strict) if item]
    found = list(problems(rendered, items))
    for problem in found:
        print(f"  FAIL  {problem}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
