"""Checks a host's folder of the archive as a power cut or a kill may have left it, and prints what is wrong, one line
each: an object that is not what its name says, a version that is not whole. Then the versions, by their manifests' SHA-256."""

import gzip
import hashlib
import json
import os
import re
import sys

FOLDER = sys.argv[1]
CONTENTS = re.compile(rb" size=(\d+) contents=objects/([0-9a-f]{2})/([0-9a-f]{62})$", re.M)


def digest_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


def check_pool():
    found = {}
    pool = os.path.join(FOLDER, "objects")
    for first in sorted(os.listdir(pool)) if os.path.isdir(pool) else []:
        for rest in os.listdir(os.path.join(pool, first)):
            path = os.path.join(pool, first, rest)
            found[first + rest] = os.path.getsize(path)
            if digest_of(path) != first + rest:
                print(f"object {first}{rest} holds something else, in {os.path.getsize(path)} bytes")
    return found


def manifest_of(path):
    with open(path, "rb") as file:
        content = file.read()
    return gzip.decompress(content) if path.endswith(".gz") else content


def check_versions(pool):
    folder = os.path.join(FOLDER, "versions")
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    versions, named = {}, set()
    for file in names:
        name, _, ending = file.partition(".")
        if ending not in ("mtree", "mtree.gz") or name in versions:
            continue
        manifest = manifest_of(os.path.join(folder, file))
        versions[name] = hashlib.sha256(manifest).hexdigest()
        try:
            with open(os.path.join(folder, f"{name}.json"), encoding="utf8") as record:
                if json.load(record)["manifest"]["sha256"] != versions[name]:
                    print(f"version {name} has another manifest than its record says")
        except (OSError, ValueError) as problem:
            print(f"version {name} has no record: {problem}")
        for size, first, rest in CONTENTS.findall(manifest):
            each = (first + rest).decode()
            named.add(each)
            if pool.get(each) != int(size):
                print(f"version {name} names {each} of {int(size)} bytes, and the pool has {pool.get(each)}")
    return versions, named


def main():
    pool = check_pool()
    versions, named = check_versions(pool)
    for name, digest in versions.items():
        print(f"version {digest} {name}")
    print(f"pool {len(pool)} {sum(pool.values())} {len(pool.keys() - named)}")


main()
