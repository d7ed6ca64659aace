"""Keeps a processor busy for some seconds, and prints how often it went round: `count_loops.py SECONDS`."""

import sys
import time

end = time.monotonic() + float(sys.argv[1])
rounds = 0
while time.monotonic() < end:
    for _ in range(1000):
        pass
    rounds += 1
print(rounds)
