"""Times Brinicle's ext_pillar beside json.load of the same files: `MODULE DATA ROUNDS`, the minion IDs on stdin."""

import hashlib
import importlib.util
import json
import os
import sys
import time

module_path, data, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
spec = importlib.util.spec_from_file_location("brinicle_pillar", module_path)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
minions = json.load(sys.stdin)
digests = [hashlib.sha256(minion.encode()).hexdigest() for minion in minions]
paths = [os.path.join(data, "hosts", digest[:2], digest + ".json") for digest in digests]


def ours():
    for minion in minions:
        if "host" not in module.ext_pillar(minion, {}, data=data)["brinicle"]:
            sys.exit("no data of " + minion)


def peer():
    for path in paths:
        with open(path, encoding="utf-8") as file:
            json.load(file)


def microseconds(work):
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) / len(minions) * 1e6


# The first round of each brings the files into memory.
ours()
peer()
json.dump([[microseconds(ours), microseconds(peer)] for _ in range(rounds)], sys.stdout)
