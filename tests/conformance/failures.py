"""Prints, from the log of the suite that the argument names, what passed and which tests failed and why.

Ends badly when one failed, or when none was run."""

import re
import sys

LONGEST = 600
SWITCH = re.compile(r"^=== (RUN|CONT|NAME|PAUSE) +(\S.*)$")
RESULT = re.compile(r"^ *--- (PASS|FAIL|SKIP): (\S+) \(")
SAID = re.compile(r"^ +\w[\w-]*\.go:\d+: (?:\S+Z: )?(.*)$")
REQUEST = re.compile(r"URL: \{.*? Path:(?P<path>\S*) .*?Method: (?P<method>\w*)")
# What a test says while it waits, whether it then passes or not.
IDLE = re.compile(r"^(Making|Applying|Creating|Updating|Deleting|Running|Sending|Request passed|Conditions matched|"
                  r"Request failed, not ready yet: .*context deadline)|^$")


def read(path):
    """What each test said, and its result."""
    said, results, current = {}, {}, ""
    with open(path, encoding="utf-8", errors="replace") as log:
        for line in log:
            line = line.rstrip("\n")
            if switch := SWITCH.match(line):
                current = switch[2]
            elif result := RESULT.match(line):
                results[result[2]] = result[1]
            else:
                said.setdefault(current, []).append(line)
    return said, results


def reasons(lines):
    """The few lines that say why, of all that a failed test said."""
    found, messages, error = [], [], ""
    for line in lines:
        text = line.strip()
        if text.startswith("Error:"):
            # What follows on lines of its own is mostly that time ran out.
            error = text.removeprefix("Error:").strip().removesuffix("Received unexpected error:")
        elif text.startswith("Messages:"):
            messages.append(text.removeprefix("Messages:").strip())
        elif said := SAID.match(line):
            if not IDLE.match(said[1]):
                found.append(shortened(said[1]))
    if messages or error:
        found.append(": ".join(filter(None, [messages[-1] if messages else "", error])))
    last = list(dict.fromkeys(reversed(found)))[:4]
    return [text[:LONGEST] for text in reversed(last)]


def shortened(text):
    """A request that did not do as expected: its method and path, and what was wrong."""
    text = re.sub(r" \(after \S+\)$", "", text)
    text = re.sub(r"(, actual headers: map\[|\. CRes: &).*$", "", text)
    if "not ready yet: " in text and (request := REQUEST.search(text)):
        wrong = text.split("not ready yet: ", 1)[1]
        return f"{request['method'] or 'GET'} {request['path']}: {wrong}"
    return text


def main():
    said, results = read(sys.argv[1])
    root = "TestConformance"
    suite = {name: result for name, result in results.items() if name.count("/") == 1}
    passed = sum(result == "PASS" for result in suite.values())
    failed = [name for name, result in results.items() if result == "FAIL"]
    leaves = [name for name in failed if not any(other.startswith(name + "/") for other in failed)]
    print(f"{passed} tests passed, {sum(result == 'FAIL' for result in suite.values())} failed")
    if root not in results:
        print("the suite did not end:")
        with open(sys.argv[1], encoding="utf-8", errors="replace") as log:
            print("".join("  " + line for line in log.readlines()[-15:]), end="")
        return 1
    above = None
    for name in leaves:
        test, _, case = name.removeprefix(root).strip("/").partition("/")
        if test != above:
            print(f"\n  {test or 'before the first test'}")
            above = test
        if case:
            print(f"    {case.replace('_', ' ')}")
        for line in reasons(said.get(name, [])):
            print(f"      {line}")
    if leaves:
        print()
    return 1 if failed or not passed else 0


sys.exit(main())
