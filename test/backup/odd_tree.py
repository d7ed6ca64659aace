"""Adds what awkward_tree.py lacks: sizes around the limits of a push, long paths, owners without a name. Run as root."""

import hashlib
import os
import sys

ROOT = os.fsencode(sys.argv[1])
SPARSE = int(sys.argv[3])
KIB, MIB = 1024, 1024 * 1024


def noise(size, seed):
    """Bytes that do not repeat and that the next run makes again."""
    return hashlib.shake_128(b"%d" % seed).digest(size)


def write(path, content):
    with open(os.path.join(ROOT, path), "wb") as file:
        file.write(content)


def sizes():
    for base in (4 * MIB, 64 * KIB, 512):
        for off in (-1, 0, 1):
            write(b"sizes/%d" % (base + off), noise(base + off, base + off))
    write(b"sizes/1", b"1")
    large = noise(MIB, 7)
    with open(os.path.join(ROOT, b"sizes/large"), "wb") as file:
        for part in range(70):
            file.write(large[part:] + large[:part])
        file.write(b"and a bit")


def sparse():
    with open(os.path.join(ROOT, b"sizes/sparse"), "wb") as file:
        file.truncate(SPARSE)
        for at in (0, 3 * MIB + 5, SPARSE // 2 + 1, SPARSE - 9):
            file.seek(at)
            file.write(noise(9, at))
    with open(os.path.join(ROOT, b"sizes/hole"), "wb") as file:
        file.truncate(100 * MIB)


def descend(parts, length):
    """Makes folders below one another until the path from / has so many bytes, and a file there."""
    os.chdir(ROOT)
    path = os.path.join(ROOT, b"")
    while len(path) < length - 300:
        name = b"p" * 200
        os.mkdir(name)
        os.chdir(name)
        path += name + b"/"
    name = b"q" * (length - len(path))
    if len(name) > 255:
        os.mkdir(b"r" * 99)
        os.chdir(b"r" * 99)
        name = name[100:]
    with open(name, "wb") as file:
        file.write(parts)
    os.setxattr(name, b"user.long", b"path")
    os.chdir("/")


def owners():
    for number, (uid, gid) in enumerate(((0, 0), (54321, 65433), (2_147_483_648, 4_294_967_294), (65534, 65534))):
        write(b"owners/%d" % number, b"")
        os.chown(os.path.join(ROOT, b"owners/%d" % number), uid, gid)


for folder in (b"sizes", b"owners"):
    os.mkdir(os.path.join(ROOT, folder))
sizes()
sparse()
owners()
# A restore puts a few bytes in front of it, and the longest path that a call takes has 4,095.
descend(b"deep", int(sys.argv[2]))
for number, folder in enumerate((b"sizes", b"owners", b".")):
    os.utime(os.path.join(ROOT, folder), ns=(number - 1, -1_234_567_890 * number - 1))
