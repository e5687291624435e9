"""Compares a report of the conformance suite with the one that is kept for its version of the Gateway API.

    compare.py REPORT FOLDER PROFILE,… [update]

Ends badly for a profile that is missing or did not succeed, a failed or skipped test, fewer tests than before, and a
feature that was supported and no longer is. With `update` the report is kept, once nothing in it failed."""

import pathlib
import shutil
import sys

import yaml


def parts(profile):
    """Core and, for a profile that has them, extended tests."""
    return {name: profile[name] for name in ("core", "extended") if name in profile}


def failures(report, wanted):
    """What is wrong with the report by itself."""
    found = {profile["name"]: profile for profile in report.get("profiles", [])}
    for name in wanted:
        if name not in found:
            yield f"{name} is missing"
    for name, profile in found.items():
        for part, result in parts(profile).items():
            tests = {state: result.get(f"{state}Tests", []) for state in ("failed", "skipped")}
            for state, names in tests.items():
                for test in names:
                    yield f"{name}, {part}: {test} {state}"
            # The lists, the numbers and the verdict say the same; all of them are asked.
            counted = result["statistics"]["Failed"] + result["statistics"]["Skipped"]
            if counted != sum(map(len, tests.values())) or not counted and result["result"] != "success":
                yield f"{name}, {part}: {result['result']}, {counted} failed or skipped"


def losses(report, kept, wanted):
    """What the report no longer says and the kept one does."""
    found = {profile["name"]: profile for profile in report.get("profiles", [])}
    if report["gatewayAPIChannel"] != kept["gatewayAPIChannel"]:
        yield f"the channel was {kept['gatewayAPIChannel']} and is {report['gatewayAPIChannel']}"
    for profile in kept["profiles"]:
        name = profile["name"]
        if name not in wanted:
            continue
        for part, before in parts(profile).items():
            now = found.get(name, {}).get(part)
            if now is None:
                yield f"{name}, {part}: is missing"
                continue
            gone = set(before.get("supportedFeatures", [])) - set(now.get("supportedFeatures", []))
            for feature in sorted(gone):
                yield f"{name}: {feature} is no longer supported"
            if now["statistics"]["Passed"] < before["statistics"]["Passed"]:
                yield f"{name}, {part}: {now['statistics']['Passed']} tests passed, {before['statistics']['Passed']} before"


def main():
    path, folder, wanted = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3].split(",")
    update = sys.argv[4:] == ["update"]
    if not path.exists():
        return ["the suite wrote no report"]
    report = yaml.safe_load(path.read_text(encoding="utf-8"))
    for profile in report.get("profiles", []):
        for part, result in parts(profile).items():
            statistics = result["statistics"]
            print(f"  {profile['name']:14} {part:9} {statistics['Passed']:3} passed, {statistics['Failed']} failed, "
                  f"{statistics['Skipped']} skipped; not supported: {', '.join(result.get('unsupportedFeatures', [])) or '-'}")
    wrong = list(failures(report, wanted))
    where = folder / f"{report['gatewayAPIVersion']}.yaml"
    kept = yaml.safe_load(where.read_text(encoding="utf-8")) if where.exists() else None
    if update:
        dropped = {profile["name"] for profile in kept["profiles"]} - set(wanted) if kept else set()
        wrong += [f"{name} is kept and was not run" for name in sorted(dropped)]
        if not wrong:
            shutil.copyfile(path, where)
            print(f"the report is now {where}")
    elif kept is None:
        wrong.append(f"there is no {where} to compare with; UPDATE=1 writes it")
    else:
        wrong += losses(report, kept, wanted)
    return wrong


problems = main()
for problem in problems:
    print(f"  FAIL  {problem}")
sys.exit(1 if problems else 0)
