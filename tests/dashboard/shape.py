#!/usr/bin/env python3
"""Checks what Grafana would only show as a broken dashboard."""
import json
import sys


def problems(dashboard):
    panels = dashboard["panels"]
    numbers = [panel["id"] for panel in panels]
    if len(set(numbers)) != len(numbers):
        yield "two panels have the same id"
    titles = [panel["title"] for panel in panels]
    for title in sorted({title for title in titles if titles.count(title) > 1}):
        yield f"two panels are called {title!r}"
    cells = {}
    for panel in panels:
        place, title = panel["gridPos"], panel["title"]
        if place["x"] + place["w"] > 24:
            yield f"{title!r} is wider than the page"
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if (x, y) in cells:
                    yield f"{title!r} covers {cells[x, y]!r}"
                cells[x, y] = title
        if panel["type"] == "row":
            continue
        if not panel.get("description"):
            yield f"{title!r} does not say what it shows"
        if not panel["fieldConfig"]["defaults"].get("unit"):
            yield f"{title!r} has no unit"
        if not panel["targets"]:
            yield f"{title!r} asks nothing"
        for part in [panel, *panel["targets"]]:
            if part["datasource"]["uid"] != "${datasource}":
                yield f"{title!r} is bound to one data source"
    if dashboard.get("id") is not None:
        yield "the dashboard has the id of one Grafana"


def main(path):
    with open(path, encoding="utf-8") as file:
        found = sorted(set(problems(json.load(file))))
    for problem in found:
        print(f"  FAIL  {problem}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
