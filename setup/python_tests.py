"""Runs the unittest files of a folder and writes their counts where count.py finds them."""

import json
import os
import sys
import unittest

REPORT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), ".cache", "reports", "python.json")


def main(folder):
    result = unittest.TextTestRunner(verbosity=2).run(unittest.defaultTestLoader.discover(folder))
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    skipped = len(result.skipped)
    report = {
        "numPassedTests": max(0, result.testsRun - failed - skipped),
        "numFailedTests": failed,
        "numPendingTests": skipped,
        "numTodoTests": 0,
    }
    os.makedirs(os.path.dirname(REPORT), exist_ok=True)
    with open(REPORT, "w", encoding="utf-8") as file:
        json.dump(report, file)
    return 0 if result.wasSuccessful() and result.testsRun else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
