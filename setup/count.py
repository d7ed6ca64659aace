"""Adds up the reports of the steps named, and prints `N passed, N failed, N skipped` as its last line.

A step without a report of its own (a linter, a type check) counts as one test. A step that failed though its
report shows no failed test, or that left no report, counts as one failed test. Ends with 1 if any test failed,
and with --no-skips also if any was skipped.
"""

import json
import os
import sys

REPORTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), ".cache", "reports")


def read(name):
    try:
        with open(os.path.join(REPORTS, name), encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def count(step):
    """What a step adds to passed, failed and skipped."""
    record = read(f"step-{step}.json")
    if record is None:
        return 0, 1, 0
    ended_well = record["code"] == 0
    if record["report"] is None:
        return (1, 0, 0) if ended_well else (0, 1, 0)
    report = read(record["report"])
    if report is None:
        return 0, 1, 0
    passed, failed = report["numPassedTests"], report["numFailedTests"]
    skipped = report["numPendingTests"] + report["numTodoTests"]
    return passed, failed or int(not ended_well), skipped


def main(arguments):
    steps = [argument for argument in arguments if not argument.startswith("--")]
    counts = {step: count(step) for step in steps}
    for step, (_, failed, skipped) in counts.items():
        if failed or skipped:
            print(f"{step}: {failed} failed, {skipped} skipped")
    passed, failed, skipped = (sum(column) for column in zip(*counts.values()))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or (skipped and "--no-skips" in arguments) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
