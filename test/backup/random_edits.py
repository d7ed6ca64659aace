"""Edits a folder at random, by a seed: what users and programs do to files between two pushes. Prints what it did."""

import os
import random
import shutil
import stat
import sys

ROOT, SEED, COUNT = os.fsencode(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
RANDOM = random.Random(SEED)


def name():
    letters = b"ab#= \n\\*-\xff\xc3\xa9."
    text = bytes(RANDOM.choice(letters) for _ in range(RANDOM.randint(1, 12)))
    return b"n" + text if text.strip(b".") == b"" else text


def paths(kinds):
    found = []
    for folder, folders, files in os.walk(ROOT):
        for each in sorted(folders) + sorted(files):
            path = os.path.join(folder, each)
            mode = os.lstat(path).st_mode
            if any(kind(mode) for kind in kinds):
                found.append(path)
    return found


def one(*kinds):
    found = paths(kinds)
    return RANDOM.choice(found) if found else None


def free_path():
    folder = RANDOM.choice([ROOT] + paths([stat.S_ISDIR]))
    while True:
        path = os.path.join(folder, name())
        if not os.path.lexists(path):
            return path


def content():
    return RANDOM.randbytes(RANDOM.choice((0, 1, 100, 5_000, 70_000, 1_100_000, 4_200_000)))


def add():
    with open(free_path(), "wb") as file:
        file.write(content())


def add_folder():
    path = free_path()
    os.mkdir(path)
    for _ in range(3):
        with open(os.path.join(path, name()), "wb") as file:
            file.write(content())


def delete():
    path = one(stat.S_ISREG, stat.S_ISLNK)
    if path:
        os.unlink(path)


def delete_folder():
    path = one(stat.S_ISDIR)
    if path:
        shutil.rmtree(path)


def rename():
    path = one(stat.S_ISREG, stat.S_ISLNK, stat.S_ISDIR)
    to = free_path()
    if path and not (to + b"/").startswith(path + b"/"):
        os.rename(path, to)


def chmod():
    path = one(stat.S_ISREG, stat.S_ISDIR)
    if path:
        os.chmod(path, RANDOM.choice((0o600, 0o644, 0o4755, 0o2755, 0o1777, 0o000)))


def chown():
    path = one(stat.S_ISREG, stat.S_ISLNK, stat.S_ISDIR)
    if path:
        os.lchown(path, RANDOM.randrange(100_000), RANDOM.randrange(100_000))


def touch():
    path = one(stat.S_ISREG, stat.S_ISDIR)
    if path:
        at = RANDOM.randrange(-(10**18), 2 * 10**18)
        os.utime(path, ns=(at, at))


def append():
    path = one(stat.S_ISREG)
    if path:
        with open(path, "ab") as file:
            file.write(content())


def overwrite():
    path = one(stat.S_ISREG)
    if path and os.path.getsize(path) > 0:
        with open(path, "r+b") as file:
            file.seek(RANDOM.randrange(os.path.getsize(path)))
            file.write(RANDOM.randbytes(10))


def overwrite_in_secret():
    """Size and time of the last change stay, as with rsync -t or a mapped file; only ctime tells."""
    path = one(stat.S_ISREG)
    if path and os.path.getsize(path) > 0:
        before = os.stat(path)
        with open(path, "r+b") as file:
            file.write(RANDOM.randbytes(min(10, before.st_size)))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def truncate():
    path = one(stat.S_ISREG)
    if path:
        os.truncate(path, RANDOM.randrange(os.path.getsize(path) * 2 + 2))


def become_folder():
    path = one(stat.S_ISREG, stat.S_ISLNK)
    if path:
        os.unlink(path)
        os.mkdir(path)
        with open(os.path.join(path, b"inside"), "wb") as file:
            file.write(content())


def become_symlink():
    path = one(stat.S_ISREG, stat.S_ISDIR)
    if path:
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        os.symlink(name(), path)


def become_file():
    path = one(stat.S_ISLNK, stat.S_ISDIR)
    if path:
        shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        with open(path, "wb") as file:
            file.write(content())


def link():
    path = one(stat.S_ISREG, stat.S_ISLNK)
    if path:
        os.link(path, free_path(), follow_symlinks=False)


def attribute():
    path = one(stat.S_ISREG, stat.S_ISDIR)
    if path:
        os.setxattr(path, b"user." + RANDOM.choice((b"a", b"b")), RANDOM.randbytes(RANDOM.randrange(40)))


def copy():
    path = one(stat.S_ISREG)
    if path:
        shutil.copy2(path, free_path())


EDITS = (
    (add, 6), (add_folder, 2), (delete, 3), (delete_folder, 1), (rename, 4), (chmod, 2), (chown, 2), (touch, 2),
    (append, 3), (overwrite, 3), (overwrite_in_secret, 2), (truncate, 2), (become_folder, 1), (become_symlink, 1),
    (become_file, 1), (link, 3), (attribute, 2), (copy, 2),
)

for _ in range(COUNT):
    edit = RANDOM.choices([each for each, _ in EDITS], [weight for _, weight in EDITS])[0]
    edit()
    print(edit.__name__)
