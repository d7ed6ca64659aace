"""Runs one step of the tests and records how it ended: step.py NAME [--report FILE] -- COMMAND…

Always ends with 0, so that a step that fails does not hide the ones after it; count.py has the last word.
"""

import json
import os
import subprocess
import sys
import time

REPORTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), ".cache", "reports")


def main(arguments):
    split = arguments.index("--")
    name, *options = arguments[:split]
    report = options[1] if options[:1] == ["--report"] else None
    print(f"== {name}", flush=True)
    begun = time.monotonic()
    code = subprocess.run(arguments[split + 1 :], check=False).returncode
    seconds = time.monotonic() - begun
    print(f"== {name}: {'ok' if code == 0 else f'FAILED ({code})'} in {seconds:.1f} s", flush=True)
    os.makedirs(REPORTS, exist_ok=True)
    with open(os.path.join(REPORTS, f"step-{name}.json"), "w", encoding="utf-8") as file:
        json.dump({"name": name, "code": code, "report": report, "seconds": round(seconds, 3)}, file)


if __name__ == "__main__":
    main(sys.argv[1:])
