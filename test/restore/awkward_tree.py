"""Makes a folder with every kind of file and name that a restore must bring back. Run as root."""

import os
import socket
import stat
import struct
import sys

ROOT = os.fsencode(sys.argv[1])


def at(path):
    return os.path.join(ROOT, path)


def write(path, content=b"", mode=0o644):
    with open(at(path), "wb") as file:
        file.write(content)
    os.chmod(at(path), mode)


def acl(*entries):
    """The binary form that Linux keeps (linux/posix_acl_xattr.h)."""
    return struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", tag, perm, 0xFFFFFFFF if who is None else who) for tag, perm, who in entries
    )


ACCESS = acl((1, 7, None), (2, 5, 1001), (2, 7, 1234567), (4, 5, None), (8, 4, 2002), (16, 7, None), (32, 0, None))
DEFAULT = acl((1, 7, None), (2, 7, 4242), (4, 5, None), (16, 7, None), (32, 5, None))
CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")


def folders():
    for path in ("etc", "a", "a/x", "a-b", "a.b", "deep", "sgid", "sticky", "closed", "empty", "links", "acl"):
        os.mkdir(at(os.fsencode(path)))
    deep = b"deep"
    for part in (b"d" * 200, b"e" * 200, b"f" * 255):
        deep = os.path.join(deep, part)
        os.mkdir(at(deep))
    write(os.path.join(deep, b"g" * 255), b"deep\n")
    os.chmod(at(b"sgid"), 0o2775)
    os.chmod(at(b"sticky"), 0o1777)
    os.chmod(at(b"closed"), 0o000)


def names():
    for name in (
        b"plain", b"two words", b"new\nline", b"tab\t", b'quote"', b"it's", b"back\\slash", b"\\101", b"glob*?[x]",
        b"hash#=", b"-rf", b"@list", b" blank ", b"\x1b[2J", "é".encode(), "\u202egnp.exe".encode(), b"\xff\xfe",
        b"caf\xe9", b"n" * 255, "ü".encode() * 127, b".hidden", b"...", b"~", b"%41", b"a:b", b"$(id)", b"`id`",
    ):
        write(os.path.join(b"a", name), b"name " + name + b"\n")


def contents():
    write(b"etc/empty")
    write(b"etc/same-1", b"same content\n", 0o600)
    write(b"etc/same-2", b"same content\n", 0o644)
    os.chown(at(b"etc/same-2"), 1001, 2002)
    write(b"etc/block", b"x" * 512)
    write(b"etc/long", b"0123456789abcdef" * 10_000)
    write(b"etc/zeros", b"\0" * 100_000)
    # Larger than what a restore holds in memory.
    write(b"etc/large", os.urandom(1024) * 6000)
    with open(at(b"etc/sparse"), "wb") as file:
        file.seek(3_000_000)
        file.write(b"middle")
        file.truncate(9_000_000)


def modes():
    for name, mode in ((b"suid", 0o4755), (b"sgid-file", 0o2755), (b"both", 0o6711), (b"none", 0o000), (b"all", 0o7777)):
        path = os.path.join(b"etc", name)
        write(path, name)
        os.chown(at(path), 1001, 2002)
        os.chmod(at(path), mode)
    write(b"etc/high-ids", b"high")
    os.chown(at(b"etc/high-ids"), 4_000_000_000, 3_000_000)


def kinds():
    os.symlink(b"plain", at(b"links/short"))
    os.symlink(b"/nowhere/\xff\n " + b"t" * 3000, at(b"links/long"))
    os.lchown(at(b"links/short"), 1001, 2002)
    os.symlink(b"/etc", at(b"links/to-etc"))
    os.mkfifo(at(b"links/fifo"), 0o640)
    os.mknod(at(b"links/null"), stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(at(b"links/disk"), stat.S_IFBLK | 0o660, os.makedev(259, 70_000))
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.getcwd()
        os.chdir(at(b"links"))
        listener.bind(b"socket")
        os.chdir(here)


def hard_links():
    # Names of one file in other folders, before and after it; a second group of the same content and another owner.
    write(b"links/one", b"linked\n", 0o4755)
    os.link(at(b"links/one"), at(b"a/x/one again"))
    os.link(at(b"links/one"), at(b"sticky/one\xff"))
    write(b"links/two", b"linked\n", 0o600)
    os.chown(at(b"links/two"), 1001, 1001)
    os.link(at(b"links/two"), at(b"a-b/two"))
    os.link(at(b"links/fifo"), at(b"links/fifo again"))
    os.link(at(b"links/short"), at(b"links/short again"), follow_symlinks=False)


def attributes():
    write(b"acl/user", b"attributes")
    os.setxattr(at(b"acl/user"), b"user.text", b"value")
    os.setxattr(at(b"acl/user"), b"user.empty", b"")
    os.setxattr(at(b"acl/user"), b"user.bytes", bytes(range(256)))
    os.setxattr(at(b"acl/user"), b"user.odd =%\xff\nname", b"odd")
    os.setxattr(at(b"acl/user"), b"trusted.t", b"t\n")
    write(b"acl/capable", b"capability", 0o755)
    os.chown(at(b"acl/capable"), 1001, 2002)
    os.setxattr(at(b"acl/capable"), b"security.capability", CAPABILITY)
    write(b"acl/access", b"acl")
    os.setxattr(at(b"acl/access"), b"system.posix_acl_access", ACCESS)
    os.mkdir(at(b"acl/folder"))
    write(b"acl/folder/inside", b"no acl of its own", 0o640)
    os.setxattr(at(b"acl/folder"), b"system.posix_acl_access", ACCESS)
    os.setxattr(at(b"acl/folder"), b"system.posix_acl_default", DEFAULT)
    os.setxattr(at(b"links/long"), b"trusted.link", b"on a symlink", follow_symlinks=False)


TIMES = (0, 1, 999_999_999, -1, -1_000_000_000, -1_500_000_001, 1_700_000_000_123_456_789, 5_000_000_000_000_000_001)


def times():
    """Last, the deepest first: whatever is made in a folder changes its time."""
    count = 0
    for folder, subfolders, files in os.walk(ROOT, topdown=False):
        for name in sorted(files) + sorted(subfolders):
            stamp = TIMES[count % len(TIMES)] + count * 1_000_000_007
            os.utime(os.path.join(folder, name), ns=(stamp, stamp), follow_symlinks=False)
            count += 1
    os.utime(ROOT, ns=(-7, -7))


os.chmod(ROOT, 0o751)
for make in (folders, names, contents, modes, kinds, hard_links, attributes, times):
    make()
