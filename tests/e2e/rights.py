#!/usr/bin/env python3
"""Compares what the controller may do with what it did.

Arguments: the audit log, the roles as JSON, the controller's namespace and its ServiceAccount. A right is a verb on a
resource of a group, in one namespace (the controller's own) or in all.
"""
import json
import sys

# Asked by every client of an API server, and allowed to all: the list of its groups and versions.
DISCOVERY = ("/api", "/apis", "/version", "/readyz", "/openapi")


# An authority is renewed after months.
RARE = {("update", "", "secrets")}


def granted(roles, namespace, account):
    wide, own = set(), set()
    for role in roles["items"]:
        name = role["metadata"]["name"]
        if role["kind"] == "ClusterRole" and name == f"{namespace}-{account}":
            into = wide
        elif role["kind"] == "Role" and name == account and role["metadata"]["namespace"] == namespace:
            into = own
        else:
            continue
        for rule in role["rules"]:
            into.update((verb, group, resource) for verb in rule["verbs"] for group in rule["apiGroups"] for resource in rule["resources"])
    return wide, own


def asked(path, namespace, account):
    """What was asked for, by whether it was in the controller's own namespace; and what was refused."""
    user = f"system:serviceaccount:{namespace}:{account}"
    wide, own, refused = set(), set(), set()
    with open(path, encoding="utf-8") as file:
        for line in file:
            event = json.loads(line)
            if event["user"]["username"] != user:
                continue
            reference = event.get("objectRef")
            if not reference or "resource" not in reference:
                if not event["requestURI"].startswith(DISCOVERY):
                    refused.add(((event["verb"], "", event["requestURI"]), ""))
                continue
            resource = reference["resource"] + ("/" + reference["subresource"] if "subresource" in reference else "")
            right = (event["verb"], reference.get("apiGroup", ""), resource)
            into = own if reference.get("namespace") == namespace else wide
            into.add(right)
            # An apply of what is not there yet needs the right to create it as well.
            if event["verb"] == "patch" and event.get("responseStatus", {}).get("code") == 201:
                into.add(("create", *right[1:]))
            # A namespace that ends refuses new objects too, and says so: that is no lack of a right.
            if event.get("annotations", {}).get("authorization.k8s.io/decision") == "forbid":
                refused.add((right, reference.get("namespace") or ""))
    return wide, own, refused


def main(audit, roles, namespace, account):
    with open(roles, encoding="utf-8") as file:
        may_wide, may_own = granted(json.load(file), namespace, account)
    did_wide, did_own, refused = asked(audit, namespace, account)
    # An API server that has just started refuses what it will allow once it has read the roles.
    lacking = {(right, space) for right, space in refused if right not in may_wide and (space != namespace or right not in may_own)}
    found = [f"was refused: {right} in {space or 'all namespaces'}" for right, space in sorted(lacking)]
    # A list that is refused nowhere was also allowed; what remains is what nobody asked for.
    found += [f"is allowed everywhere and never asked for: {right}" for right in sorted(may_wide - did_wide - did_own)]
    found += [f"is allowed in {namespace} and never asked for: {right}" for right in sorted(may_own - did_own - RARE)]
    found += [f"is allowed twice: {right}" for right in sorted(may_own & may_wide)]
    for problem in found:
        print(f"  FAIL  {problem}")
    print(f"  {len(may_wide)} rights everywhere, {len(may_own)} in {namespace}; asked for {len(did_wide)} and {len(did_own)}")
    return 1 if found or not did_wide else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
