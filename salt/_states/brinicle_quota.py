"""
What each host may store on the backup server.

``subvolumes``  makes every inbox a btrfs subvolume
``limited``     limits bytes and inodes of every account by the kernel's quota

Both take their input from a ``salt://`` file that ``brinicle compile`` wrote, so that ``test=True`` can tell what
would change on a machine that has none of it yet. An expected problem becomes a failed state with what, why and
what to do; one bad host never stops the others.
"""

import fcntl
import os
import re
import stat
import struct

from salt.exceptions import CommandExecutionError

INBOX_MODE = 0o1730
JAIL_MODE = 0o750
TAKEN = ".taken"
BTRFS_SUBVOLUME_INODE = 256
BTRFS_IOC_INO_LOOKUP = 0xD0009412


def __virtual__():
    if "brinicle.answer" in __utils__:
        return True
    return False, "'_utils/brinicle.py' is not on this minion. Deploy the whole output, and run saltutil.sync_all."


def subvolumes(name, table):
    """
    Makes each account's inbox a btrfs subvolume, so that it can have a quota of its own.

    table
        ``salt://`` source of ``{"format": 1, "jails": PATH, "accounts": [{"account", "uid", "shut_out"}, ...]}``;
        an account's group has its ``gid``, by default the number of its ``uid``.

    A jail folder that is absent is made ``root:ACCOUNT 0750``, one that others than root can write to is
    repaired, an empty inbox is replaced. An inbox with files in it is an error: they may be a push. The empty folder
    of root's in which rotate reads what it took is no such file.
    """
    try:
        return _subvolumes(name, table)
    except CommandExecutionError as problem:
        return __utils__["brinicle.answer"](name, False, {}, str(problem))


def _subvolumes(name, table):
    compiled = __utils__["brinicle.jails"](table, __env__)
    kind, mount, _options = _file_system(compiled["jails"])
    if kind != "btrfs":
        raise CommandExecutionError(
            "{} lies on {} ({}), and only btrfs has subvolumes. Mount a btrfs file system there, or choose "
            "another 'quota' in the policy.".format(compiled["jails"], kind, mount)
        )
    changes, problems = {}, []
    for row in compiled["accounts"]:
        if row["shut_out"]:
            continue
        try:
            what = _make_subvolume(compiled["jails"], row, __opts__["test"])
        except CommandExecutionError as problem:
            problems.append(str(problem))
        except OSError as problem:
            problems.append("{}: {}: {}.".format(row["account"], problem.filename, problem.strerror))
        else:
            if what:
                changes[row["account"]] = what
    return __utils__["brinicle.conclude"](name, changes, problems, "Every inbox is a subvolume.", __opts__["test"])


def _make_subvolume(jails, row, test):
    """``{path: change}`` of one account. Raises CommandExecutionError, OSError."""
    jail = os.path.join(jails, row["account"])
    inbox = os.path.join(jail, "inbox")
    what = _make_jail(jail, row["gid"], test)
    if what == {jail: "created"} and test:
        return {jail: "created", inbox: "subvolume created"}
    found = __utils__["brinicle.lstat"](inbox)
    if found and not stat.S_ISDIR(found.st_mode):
        raise CommandExecutionError(
            "{}: is {}, not a folder. Look at it, remove it, and apply again.".format(
                inbox, __utils__["brinicle.file_type"](found)
            )
        )
    if found and found.st_ino == BTRFS_SUBVOLUME_INODE:
        return what
    what[inbox] = "subvolume created"
    if found:
        with os.scandir(inbox) as entries:
            if any(not _is_rotates(entry) for entry in entries):
                raise _not_empty(inbox)
        what[inbox] = "empty folder replaced by a subvolume"
    if test:
        return what
    if found:
        try:
            _remove_taken(inbox)
            os.rmdir(inbox)
        except OSError:
            raise _not_empty(inbox) from None
    said = []
    if not __utils__["brinicle.attempt"](said, ["btrfs", "subvolume", "create", inbox]):
        raise CommandExecutionError("{}: {}".format(row["account"], " ".join(said)))
    with _opened_folder(inbox) as handle:
        os.fchown(handle, 0, row["gid"])
        os.fchmod(handle, INBOX_MODE)
    return what


def _make_jail(jail, gid, test):
    """``{path: change}`` of the folder above an inbox. Raises CommandExecutionError, OSError."""
    found = __utils__["brinicle.lstat"](jail)
    if found and not stat.S_ISDIR(found.st_mode):
        raise CommandExecutionError(
            "{}: is {}, not a folder. Look at it, remove it, and apply again.".format(
                jail, __utils__["brinicle.file_type"](found)
            )
        )
    if found and found.st_uid == 0 and not found.st_mode & 0o022:
        return {}
    if not test:
        if not found:
            os.makedirs(os.path.dirname(jail), mode=0o755, exist_ok=True)
            os.mkdir(jail, 0o700)
        with _opened_folder(jail) as handle:
            os.fchown(handle, 0, gid)
            os.fchmod(handle, JAIL_MODE)
    return {jail: "owner and mode repaired" if found else "created"}


def _is_rotates(entry):
    """Whether an entry of an inbox is rotate's own folder, with nothing in it. Raises OSError."""
    # A host can give a file of its own that name, and never make a folder.
    if entry.name != TAKEN or not entry.is_dir(follow_symlinks=False) or entry.stat(follow_symlinks=False).st_uid != 0:
        return False
    with os.scandir(entry.path) as entries:
        return next(entries, None) is None


def _remove_taken(inbox):
    """Removes rotate's empty folder from an inbox; rotate makes it anew. Raises OSError."""
    try:
        os.rmdir(os.path.join(inbox, TAKEN))
    except FileNotFoundError:
        pass


def _not_empty(inbox):
    return CommandExecutionError(
        "{0}: is a folder with files in it, so it is not replaced by a subvolume. Let rotate empty it; or as root: "
        "mv {0} {0}.old, apply again, and move what is in {0}.old back.".format(inbox)
    )


def limited(name, kind, table, bytes, inodes):  # pylint: disable=redefined-builtin
    """
    Limits what each account may store, by the kernel's quota.

    kind
        ``ext4`` or ``xfs``: bytes and inodes of the account's uid. ``btrfs``: bytes of the inbox subvolume, with
        the metadata of its files, so that empty files end too; it has no limit of inodes.
    table
        As for ``subvolumes``; a row's own ``"quota": {"bytes": N, "inodes": N}`` wins.
    bytes, inodes
        The limit of every other account.

    Retired accounts keep the limit they have.
    """
    try:
        return _limited(name, kind, table, bytes, inodes)
    except CommandExecutionError as problem:
        return __utils__["brinicle.answer"](name, False, {}, str(problem))


def _limited(name, kind, table, bytes, inodes):  # pylint: disable=redefined-builtin
    compiled = __utils__["brinicle.jails"](table, __env__)
    wanted = {}
    for row in compiled["accounts"]:
        if not row["shut_out"]:
            own = row.get("quota") or {}
            wanted[row["account"]] = (own.get("bytes", bytes), own.get("inodes", inodes))
    for account, limits in wanted.items():
        if not all(isinstance(limit, int) and not isinstance(limit, bool) and limit > 0 for limit in limits):
            raise CommandExecutionError(
                "{}: a quota is a whole number of bytes and of inodes, above 0.".format(account)
            )
    found_kind, mount, options = _file_system(compiled["jails"])
    if found_kind != kind:
        raise CommandExecutionError(
            "{} lies on {} ({}), and the policy says {}. Correct 'quota' in the policy, or mount the right file "
            "system there.".format(compiled["jails"], found_kind, mount, kind)
        )
    if kind == "btrfs":
        return _btrfs_quotas(name, compiled, wanted, mount)
    if kind in ("ext4", "xfs"):
        return _uid_quotas(name, compiled, wanted, mount, kind, options)
    raise CommandExecutionError("'{}' is no kind of quota: ext4, xfs or btrfs.".format(kind))


def _uid_quotas(name, compiled, wanted, mount, kind, options):
    uids = {row["account"]: row["uid"] for row in compiled["accounts"]}

    def differing():
        found = _read_uid_quotas(mount, kind, options)
        differs = {}
        for account, (size, count) in wanted.items():
            # The kernel counts blocks of 1 KiB; a soft limit would only add a grace time.
            new = (0, -(-size // 1024), 0, count)
            old = found.get(uids[account], (0, 0, 0, 0))
            if old != new:
                differs[account] = (old, new)
        return differs

    differs = differing()
    changes = {
        account: {
            "bytes": {"old": old[1] * 1024, "new": new[1] * 1024},
            "inodes": {"old": old[3], "new": new[3]},
        }
        for account, (old, new) in differs.items()
    }
    fine = "Every account has its quota on {}.".format(mount)
    if __opts__["test"] or not differs:
        return __utils__["brinicle.conclude"](name, changes, [], fine, __opts__["test"])
    said = []
    batch = ["{} {} {} {} {}\n".format(uids[account], *new) for account, (_old, new) in differs.items()]
    __utils__["brinicle.attempt"](said, ["setquota", "-u", "-b", mount], "".join(batch))
    return __utils__["brinicle.conclude"](
        name, changes, _did_not_take(differing(), said, changes), fine, __opts__["test"]
    )


def _read_uid_quotas(mount, kind, options):
    """``{uid: (soft KiB, hard KiB, soft inodes, hard inodes)}`` of a file system. Raises CommandExecutionError."""
    code, out, err = __utils__["brinicle.run"](["repquota", "-u", "-n", "-p", "-v", mount])
    if code is None:
        raise CommandExecutionError("repquota is not installed. Install the package 'quota'.")
    if code != 0:
        repair = (
            "add 'uquota' to its options in /etc/fstab, then unmount and mount it (a remount is not enough)"
            if kind == "xfs"
            else "unmount it, run 'tune2fs -O quota' on its device, add 'usrquota' to its options in /etc/fstab, "
            "and mount it again"
        )
        raise CommandExecutionError(
            "{} ({}) has no user quota, so one host could fill the disk of all: {}. To turn it on: {}. Options "
            "now: {}.".format(mount, kind, __utils__["brinicle.brief"](err or out), repair, options)
        )
    found = {}
    for line in out.splitlines():
        fields = re.match(r"#(\d+)\s+[+-]{2}" + r"\s+(\d+)" * 8 + r"\s*\Z", line)
        if fields:
            numbers = [int(field) for field in fields.groups()]
            found[numbers[0]] = (numbers[2], numbers[3], numbers[6], numbers[7])
    return found


def _btrfs_quotas(name, compiled, wanted, mount):
    limits, on = _read_qgroups(mount)
    changes, problems = {}, []
    if not on:
        changes[mount] = {"quota": "enabled"}
        said = []
        if not __opts__["test"] and not __utils__["brinicle.attempt"](said, ["btrfs", "quota", "enable", mount]):
            raise CommandExecutionError(" ".join(said))
        if not __opts__["test"]:
            limits, on = _read_qgroups(mount)
    identities = {}
    for account, (size, _inodes) in wanted.items():
        inbox = os.path.join(compiled["jails"], account, "inbox")
        try:
            identity = _subvolume_id(inbox)
        except OSError as problem:
            identity = None
            if problem.errno != 2 or not __opts__["test"]:
                problems.append("{}: {}.".format(inbox, problem.strerror))
                continue
        if identity is None and not __opts__["test"]:
            problems.append("{}: is no subvolume; the state 'brinicle_quota.subvolumes' makes it one.".format(inbox))
            continue
        old = limits.get(identity)
        if old != size:
            identities[account] = identity
            changes[account] = {"bytes": {"old": old, "new": size}}
    fine = "Every inbox has its quota on {}.".format(mount)
    if __opts__["test"] or not identities:
        return __utils__["brinicle.conclude"](name, changes, problems, fine, __opts__["test"])
    said = []
    for account, identity in identities.items():
        __utils__["brinicle.attempt"](
            said, ["btrfs", "qgroup", "limit", str(wanted[account][0]), "0/{}".format(identity), mount]
        )
    limits, _on = _read_qgroups(mount)
    left = [account for account, identity in identities.items() if limits.get(identity) != wanted[account][0]]
    return __utils__["brinicle.conclude"](
        name, changes, problems + _did_not_take(left, said, changes), fine, __opts__["test"]
    )


def _read_qgroups(mount):
    """``({subvolume: most bytes referenced, or None}, whether quota is on)``. Raises CommandExecutionError."""
    code, out, err = __utils__["brinicle.run"](["btrfs", "qgroup", "show", "--raw", "-r", mount])
    if code is None:
        raise CommandExecutionError("btrfs is not installed. Install the package 'btrfs-progs'.")
    if code != 0 and ("not enabled" in err or "No such file" in err):
        return {}, False
    if code != 0:
        raise CommandExecutionError(
            "The quota of {} cannot be read: {}.".format(mount, __utils__["brinicle.brief"](err or out))
        )
    found = {}
    for line in out.splitlines():
        fields = re.match(r"0/(\d+)\s+\S+\s+\S+\s+(\d+|none)\b", line)
        if fields:
            found[int(fields.group(1))] = None if fields.group(2) == "none" else int(fields.group(2))
    return found, True


def _subvolume_id(path):
    """The number of the subvolume whose root is at a path, or None for a plain folder. Raises OSError."""
    with _opened_folder(path) as handle:
        if os.fstat(handle).st_ino != BTRFS_SUBVOLUME_INODE:
            return None
        request = bytearray(4096)
        struct.pack_into("=QQ", request, 0, 0, BTRFS_SUBVOLUME_INODE)
        fcntl.ioctl(handle, BTRFS_IOC_INO_LOOKUP, request)
        return struct.unpack_from("=Q", request)[0]


def _did_not_take(accounts_left, said, changes):
    """A problem for each account whose limit is not in force, which is then no change either."""
    for account in accounts_left:
        changes.pop(account, None)
    return ["{}: its quota did not take.".format(account) for account in accounts_left] + (
        said if accounts_left else []
    )


class _opened_folder:
    """A folder's descriptor for a ``with`` block; a symlink in its place is an OSError."""

    def __init__(self, path):
        self.handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)

    def __enter__(self):
        return self.handle

    def __exit__(self, *_error):
        os.close(self.handle)


def _file_system(path):
    """``(type, mount point, options)`` of where a path is, or would be made. Raises CommandExecutionError."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    path = os.path.realpath(path)
    best = None
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            before, _dash, after = line.partition(" - ")
            mount = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), before.split()[4])
            # Of two on one mount point the later hides the earlier.
            if (path == mount or path.startswith(mount.rstrip("/") + "/")) and (
                best is None or len(mount) >= len(best[1])
            ):
                kind, _device, options = after.split()[:3]
                best = (kind, mount, options)
    if best is None:
        raise CommandExecutionError("{} is on no mounted file system that this process can see.".format(path))
    return best
