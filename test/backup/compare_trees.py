"""Compares two folders to the last bit and prints what differs, one line each. Paths of any length: it goes by descriptors."""

import hashlib
import os
import stat
import sys

CHUNK = 64 * 1024
ZEROS = bytes(CHUNK)


def content_digest(name, folder):
    """Over what is not zero, so that a hole and zeros are the same and a large hole costs nothing."""
    digest = hashlib.sha256()
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    try:
        size = os.fstat(descriptor).st_size
        at = 0
        while at < size:
            try:
                at = os.lseek(descriptor, at, os.SEEK_DATA) // CHUNK * CHUNK
            except OSError:
                break
            chunk = os.pread(descriptor, CHUNK, at)
            if not chunk:
                break
            if chunk != ZEROS[: len(chunk)]:
                digest.update(b"%d " % at + chunk)
            at += CHUNK
    finally:
        os.close(descriptor)
    return digest.hexdigest()


def attributes(name, folder):
    """By the open folder's path in /proc: there is no call for a name in a folder."""
    path = b"/proc/self/fd/%d/" % folder + name
    names = os.listxattr(path, follow_symlinks=False)
    return {each: os.getxattr(path, each, follow_symlinks=False) for each in sorted(names)}


def describe(name, folder, path, names_of):
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    about = {
        "type": stat.S_IFMT(found.st_mode),
        "mode": oct(stat.S_IMODE(found.st_mode)),
        "owner": found.st_uid,
        "group": found.st_gid,
        "time": found.st_mtime_ns,
        "attributes": attributes(name, folder),
    }
    if not stat.S_ISDIR(found.st_mode):
        about["size"] = found.st_size
        about["same as"] = names_of.setdefault((found.st_dev, found.st_ino), path)
        about["names"] = found.st_nlink
    if stat.S_ISLNK(found.st_mode):
        about["target"] = os.readlink(name, dir_fd=folder)
    if stat.S_ISBLK(found.st_mode) or stat.S_ISCHR(found.st_mode):
        about["device"] = found.st_rdev
    if stat.S_ISREG(found.st_mode):
        about["content"] = content_digest(name, folder)
        about["blocks"] = found.st_blocks
    return about


def walk(folder, path, names_of, entries):
    for name in sorted(os.listdir(folder)):
        each = os.path.join(path, os.fsencode(name))
        about = describe(os.fsencode(name), folder, each, names_of)
        entries[each] = about
        if about["type"] == stat.S_IFDIR:
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            try:
                walk(below, each, names_of, entries)
            finally:
                os.close(below)


def tree(root):
    entries = {b".": describe(b".", os.open(root, os.O_RDONLY | os.O_DIRECTORY), b".", {})}
    names_of = {}
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    walk(descriptor, b"", names_of, entries)
    os.close(descriptor)
    return entries


def main():
    sys.setrecursionlimit(100_000)
    before, after = tree(os.fsencode(sys.argv[1])), tree(os.fsencode(sys.argv[2]))
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old is None or new is None:
            kind = (old or new)["type"]
            word = "socket " if kind == stat.S_IFSOCK else ""
            print(f"{'missing' if new is None else 'not expected'}: {word}{path!r}")
            continue
        for key in old.keys() | new.keys():
            # A restore may make a file sparser than it was, and never much larger.
            same = new.get(key, 0) <= old.get(key, 0) + 64 if key == "blocks" else old.get(key) == new.get(key)
            if not same:
                print(f"{path!r}: {key} {old.get(key)!r} became {new.get(key)!r}")


main()
