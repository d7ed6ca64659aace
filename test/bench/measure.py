"""Runs a program and writes what it took into a file: `measure.py FILE PROGRAM [ARGUMENT...]`."""

import json
import os
import sys
import time

begun = time.monotonic()
child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_pid, status, usage = os.wait4(child, 0)
seconds = time.monotonic() - begun
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump({"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "peak_kib": usage.ru_maxrss}, file)
sys.exit(os.waitstatus_to_exitcode(status) & 0xFF)
