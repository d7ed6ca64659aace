"""
Brinicle's states for the backup server: accounts in bulk, quota of their inboxes, and what sshd really does.

``accounts``    makes and repairs the accounts, folders and keys of all hosts at once
``subvolumes``  makes every inbox a btrfs subvolume
``quotas``      limits bytes and inodes of every account by the kernel's quota
``sshd``        fails unless sshd shows every directive for every account

All take their input from ``salt://`` files that ``brinicle compile`` wrote, so that ``test=True`` can tell what
would change on a machine that has none of it yet. An expected problem becomes a failed state with what, why and
what to do; one bad host never stops the others.
"""

import concurrent.futures
import fcntl
import functools
import glob
import hashlib
import json
import logging
import os
import re
import shlex
import stat
import struct
import subprocess
import tempfile

log = logging.getLogger(__name__)

__virtualname__ = "brinicle"

PROGRAM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CHECKED_FILE = "/var/lib/brinicle/sshd-checked.json"
SSHD_CONFIG = "/etc/ssh/sshd_config"
ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}\Z")
PATH = re.compile(r"(/[^\s/\"'\\%]+)+\Z")
AGEING = (("minimum days", 3), ("maximum days", 4), ("warning days", 5), ("inactive days", 6), ("expiry", 7))
INBOX_MODE = 0o1730
JAIL_MODE = 0o750
BTRFS_SUBVOLUME_INODE = 256
BTRFS_IOC_INO_LOOKUP = 0xD0009412
SHOWN_PROBLEMS = 20


class _Problem(Exception):
    """What a person can act on; becomes the comment of a failed state."""


def __virtual__():
    return __virtualname__


def _state(function):
    """Turns a _Problem into a failed state, and keeps what Salt reads of the function's signature."""

    @functools.wraps(function)
    def run(name, *args, **kwargs):
        try:
            return function(name, *args, **kwargs)
        except _Problem as problem:
            return _answer(name, False, {}, str(problem))

    return run


# --- accounts ---------------------------------------------------------------------------------------------------


@_state
def accounts(name, sysusers, tmpfiles):
    """
    Makes the accounts, folders and key files that two files describe, and repairs what differs.

    sysusers
        ``salt://`` source of lines ``g NAME GID`` and ``u NAME UID:GID "GECOS" HOME SHELL``.
    tmpfiles
        ``salt://`` source of lines ``d PATH MODE USER GROUP -``, ``f+ PATH MODE USER GROUP - CONTENT`` and
        ``r PATH``. CONTENT may hold the escapes ``\\n``, ``\\t``, ``\\\\``, ``\\xHH`` and ``%%``.

    ``changes`` is ``{ACCOUNT: {WHAT: CHANGE}}``; a path that belongs to no account stands for itself. The result
    is None under ``test=True`` where anything differs, and False where a path is of the wrong type, an ID is
    taken by somebody else, or a change did not take.
    """
    users, groups = _parse_sysusers(_source(sysusers), sysusers)
    lines = _parse_tmpfiles(_source(tmpfiles), tmpfiles)
    drift = _Drift(users, groups, lines)
    changes = drift.changes()
    if __opts__["test"] or not changes:
        return _conclude(name, changes, drift.problems, "{} accounts are as compiled.".format(len(users)))
    said = _apply_accounts(drift)
    left = _Drift(users, groups, lines)
    while drift.postponed > left.postponed:
        # What lies in a folder that was writable by others is looked at once the folder is root's again.
        for account, what in left.changes().items():
            changes.setdefault(account, {}).update(what)
        said.extend(_apply_accounts(left))
        drift, left = left, _Drift(users, groups, lines)
    problems = list(left.problems)
    for account, what in left.changes().items():
        problems.append("{}: did not take: {}.".format(account, ", ".join(sorted(what))))
        # What did not take is no change.
        for item in what:
            changes.get(account, {}).pop(item, None)
    if left.changes():
        problems.extend(said)
    changes = {account: what for account, what in changes.items() if what}
    return _conclude(name, changes, problems, "{} accounts are as compiled.".format(len(users)))


def _parse_sysusers(text, source):
    """``({name: (uid, gid, gecos, home, shell)}, {name: gid})``. Raises _Problem with the line's number."""
    users, groups = {}, {}
    for number, line in _lines(text):
        try:
            words = shlex.split(line)
        except ValueError:
            words = []
        if len(words) == 3 and words[0] == "g" and ACCOUNT.match(words[1]) and _is_id(words[2]):
            groups[words[1]] = int(words[2])
            continue
        ids = words[2].split(":") if len(words) == 6 else []
        if (
            len(ids) == 2
            and words[0] == "u"
            and ACCOUNT.match(words[1])
            and _is_id(ids[0])
            and _is_id(ids[1])
            and not re.search(r'[":\\%\x00-\x1f]', words[3])
            and all(word == "/" or PATH.match(word) for word in words[4:])
        ):
            users[words[1]] = (int(ids[0]), int(ids[1]), words[3], words[4], words[5])
            continue
        raise _not_ours(source, number)
    return users, groups


def _parse_tmpfiles(text, source):
    """Sorted ``(path, kind, mode, user, group, content)``, a folder before what is in it. Raises _Problem."""
    lines = []
    for number, line in _lines(text):
        words = line.split(None, 6)
        if len(words) == 2 and words[0] == "r" and _is_clean(words[1]):
            lines.append((words[1], "r", 0, "", "", b""))
            continue
        wanted = {"d": 6, "f+": 7}.get(words[0])
        if len(words) != wanted or not _is_clean(words[1]) or not re.match(r"[0-7]{3,4}\Z", words[2]):
            raise _not_ours(source, number)
        try:
            content = _unescape(words[6]) if words[0] == "f+" else b""
        except ValueError:
            raise _not_ours(source, number) from None
        lines.append((words[1], words[0], int(words[2], 8), words[3], words[4], content))
    return sorted(lines)


def _lines(text):
    """Numbered lines without blank ones and comments."""
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if line and not line.startswith("#"):
            yield number, line


def _not_ours(source, number):
    return _Problem(
        "{}:{}: not a line that Brinicle writes, so nothing was changed. Run 'brinicle compile' and deploy its "
        "whole output.".format(source, number)
    )


def _is_id(word):
    """0 is root's, and 65535 and 2^32-1 mean "no ID" to some calls."""
    return word.isascii() and word.isdigit() and 0 < int(word) < 2**32 - 1 and int(word) != 65535


def _is_clean(path):
    return bool(PATH.match(path)) and not {".", ".."} & set(path.split("/"))


def _unescape(text):
    """The bytes that systemd-tmpfiles would write for an argument. Raises ValueError."""

    def one(found):
        escape = found.group(0)
        plain = {"\\n": "\n", "\\t": "\t", "\\\\": "\\", "%%": "%"}.get(escape)
        if plain is None:
            if not escape.startswith("\\x"):
                raise ValueError(escape)
            plain = chr(int(escape[2:], 16))
        return plain

    return re.sub(r"\\x[0-7][0-9a-fA-F]|\\.?|%.?", one, text).encode("utf-8")


class _Drift:
    """
    How the machine differs from what is wanted, found by reading alone.

    ``accounts``  ``{name: {field: (old, new)}}``; the field ``created`` for one that is absent
    ``groups``    ``{name: (old gid or None, new)}``
    ``paths``     ``[(line, {what: change})]``
    ``problems``  what no change of ours may repair
    ``postponed`` how many paths lie below a folder that ``paths`` gives back to root, and wait for that
    """

    def __init__(self, users, groups, lines):
        self.users = users
        self.wanted_groups = groups
        self.accounts = {}
        self.groups = {}
        self.group_passwords = []
        self.paths = []
        self.problems = []
        self.postponed = 0
        passwd, group = _table("/etc/passwd"), _table("/etc/group")
        self._find_groups(group, _table("/etc/gshadow"))
        self._find_users(passwd, _table("/etc/shadow"))
        owner = {entry: _number(fields, 2) for entry, fields in passwd.items()}
        owner.update((entry, wanted[0]) for entry, wanted in users.items())
        group_owner = {entry: _number(fields, 2) for entry, fields in group.items()}
        group_owner.update(groups)
        self._find_paths(lines, owner, group_owner)

    def changes(self):
        """``{account or path: {what: change}}`` for Salt."""
        changes = {}
        for entry, (old, new) in self.groups.items():
            changes.setdefault(entry, {})["group"] = "created" if old is None else {"old": old, "new": new}
        for entry, fields in self.accounts.items():
            for field, (old, new) in fields.items():
                text = "created" if field == "account" else {"old": old, "new": new}
                changes.setdefault(entry, {})[field] = text
        for entry in self.group_passwords:
            changes.setdefault(entry, {})["group password"] = "locked"
        for line, what in self.paths:
            changes.setdefault(self._account_of(line), {})[line[0]] = what
        return changes

    def _account_of(self, line):
        for part in reversed(line[0].split("/")):
            if part in self.users:
                return part
        return os.path.basename(line[0]) if line[1] == "r" else line[0]

    def _find_groups(self, group, gshadow):
        taken = _by_number(group)
        for entry, gid in self.wanted_groups.items():
            old = _number(group[entry], 2) if entry in group else None
            others = [other for other in taken.get(gid, ()) if other != entry]
            if old != gid and others:
                self.problems.append(
                    "{}: gid {} belongs to the group {}, which is not Brinicle's to change. Give that group "
                    "another gid, or start Brinicle's uid_range elsewhere.".format(entry, gid, others[0])
                )
            elif old != gid:
                self.groups[entry] = (old, gid)
            # systemd-sysusers writes `!*` where groupadd writes `!`.
            if old is not None and entry in gshadow and gshadow[entry][1:2] != ["!"]:
                self.group_passwords.append(entry)

    def _find_users(self, passwd, shadow):
        taken = _by_number(passwd)
        for entry, wanted in self.users.items():
            fields = passwd.get(entry)
            old = _number(fields, 2) if fields else None
            others = [other for other in taken.get(wanted[0], ()) if other != entry]
            if old != wanted[0] and others:
                self.problems.append(
                    "{}: uid {} belongs to the account {}, which is not Brinicle's to change. Give that account "
                    "another uid, or start Brinicle's uid_range elsewhere.".format(entry, wanted[0], others[0])
                )
            elif fields is None:
                self.accounts[entry] = {"account": (None, "created")}
            else:
                found = self._compare(entry, fields, wanted, shadow.get(entry, []))
                if found:
                    self.accounts[entry] = found

    def _compare(self, entry, fields, wanted, secret):
        if len(fields) != 7 or fields[1] != "x":
            self.problems.append(
                "{}: its line in /etc/passwd is damaged or carries a password. Repair it with vipw, or run "
                "pwconv, and apply again.".format(entry)
            )
            return {}
        old = (_number(fields, 2), _number(fields, 3), fields[4], fields[5], fields[6])
        names = ("uid", "gid", "gecos", "home", "shell")
        found = {key: (was, new) for key, was, new in zip(names, old, wanted) if was != new}
        if secret[1:2] != ["*"]:
            # A real hash must not get into Salt's job cache.
            found["password"] = ("something else", "*")
        for key, index in AGEING:
            if secret[index : index + 1] not in ([], [""]):
                found[key] = (secret[index], "")
        return found

    def _find_paths(self, lines, owner, group_owner):
        refused, safe, repaired = set(), {}, set()
        for line in lines:
            path, kind, _mode, user, group, _content = line
            # Below a link or a file nothing is looked at: that would follow it.
            if any(above in refused for above in _above(path)):
                continue
            uid, gid = owner.get(user), group_owner.get(group)
            if kind != "r" and (uid is None or gid is None):
                self.problems.append(
                    "{}: {} is neither compiled nor an account or group of this machine.".format(
                        path, user if uid is None else group
                    )
                )
                continue
            try:
                unsafe = next((above for above in _above(path) if not _is_roots(above, safe)), None)
                if unsafe in repaired:
                    self.postponed += 1
                    continue
                if unsafe:
                    raise _Problem(
                        "{}: left alone, because {} is writable by others than root. Correct its owner and "
                        "mode.".format(path, unsafe)
                    )
                what = _differs(line, uid, gid)
            except _Problem as problem:
                refused.add(path)
                self.problems.append(str(problem))
                continue
            except OSError as problem:
                refused.add(path)
                self.problems.append("{}: cannot be looked at: {}.".format(path, problem.strerror))
                continue
            if what:
                self.paths.append((line[:3] + (uid, gid) + line[5:], what))
                if kind == "d" and uid == 0 and not line[2] & 0o022:
                    repaired.add(path)


def _differs(line, uid, gid):
    """What differs at a path, ``{}`` if nothing does, or a word. Raises _Problem for a wrong type, OSError."""
    path, kind, mode, _user, _group, content = line
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return {} if kind == "r" else "created"
    if kind == "r":
        if stat.S_ISDIR(found.st_mode):
            raise _Problem("{}: is a folder where no file may be. Look at it, and remove it.".format(path))
        return "removed"
    right = stat.S_ISDIR if kind == "d" else stat.S_ISREG
    if not right(found.st_mode):
        raise _Problem(
            "{}: is {}, not {}, and is not followed. Somebody with root's rights put it there: look at it, "
            "remove it, and apply again.".format(path, _type(found), "a folder" if kind == "d" else "a file")
        )
    what = {}
    if stat.S_IMODE(found.st_mode) != mode:
        what["mode"] = {"old": "{:04o}".format(stat.S_IMODE(found.st_mode)), "new": "{:04o}".format(mode)}
    if (found.st_uid, found.st_gid) != (uid, gid):
        old = "{}:{}".format(found.st_uid, found.st_gid)
        what["owner"] = {"old": old, "new": "{}:{}".format(uid, gid)}
    if kind == "f+" and _read_file(path, len(content) + 1) != content:
        what["content"] = "replaced"
    return what


def _is_roots(folder, known):
    """Whether nobody but root can put something else in a folder's place. An absent one is yet to be made."""
    if folder not in known:
        try:
            found = os.stat(folder)
            known[folder] = found.st_uid == 0 and not found.st_mode & 0o022
        except FileNotFoundError:
            known[folder] = True
    return known[folder]


def _above(path):
    """The folders above a path, from the topmost down."""
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(2, len(parts))]


def _type(found):
    """An inode's type in words."""
    kinds = ((stat.S_ISLNK, "a symlink"), (stat.S_ISDIR, "a folder"), (stat.S_ISREG, "a file"))
    return next((words for test, words in kinds if test(found.st_mode)), "a pipe, socket or device")


def _apply_accounts(drift):
    """Does what the drift asks for, a program at a time for all accounts; returns what went wrong, in words."""
    said = []
    new_users = [entry for entry, fields in drift.accounts.items() if "account" in fields]
    new_groups = [entry for entry, (old, _gid) in drift.groups.items() if old is None]
    for entry, (old, gid) in drift.groups.items():
        if old is not None:
            _attempt(said, ["groupmod", "-g", str(gid), entry])
    if new_users or new_groups:
        text = ["g {} {}".format(entry, drift.wanted_groups[entry]) for entry in new_groups]
        for entry in new_users:
            text.append('u {} {}:{} "{}" {} {}'.format(entry, *drift.users[entry]))
        _with_conf(said, ["systemd-sysusers"], text)
    for entry, fields in drift.accounts.items():
        flags = {"uid": "-u", "gid": "-g", "gecos": "-c", "home": "-d", "shell": "-s"}
        arguments = [word for key, flag in flags.items() if key in fields for word in (flag, str(fields[key][1]))]
        if arguments:
            _attempt(said, ["usermod"] + arguments + [entry])
        if any(key in fields for key, _index in AGEING):
            _attempt(said, ["chage", "-m", "-1", "-M", "-1", "-W", "-1", "-I", "-1", "-E", "-1", entry])
    # systemd-sysusers writes `!*`, which sshd takes for a locked account where `UsePAM no`.
    open_ones = new_users + [entry for entry, fields in drift.accounts.items() if "password" in fields]
    if open_ones:
        _attempt(said, ["chpasswd", "-e"], "".join(entry + ":*\n" for entry in open_ones))
    gshadow = _table("/etc/gshadow")
    locked = [entry for entry in new_groups + drift.group_passwords if entry in gshadow]
    if locked:
        _attempt(said, ["chgpasswd", "-e"], "".join(entry + ":!\n" for entry in locked))
    folders = [line for line, _what in drift.paths if line[1] != "f+"]
    if folders:
        # Numbers, because looking names up is a search through the whole of /etc/group for each line.
        text = [
            "r {}".format(line[0]) if line[1] == "r" else "d {} {:04o} {} {} -".format(line[0], *line[2:5])
            for line in folders
        ]
        _with_conf(said, ["systemd-tmpfiles", "--remove", "--create"], text)
    _write_keys(said, [line for line, _what in drift.paths if line[1] == "f+"])
    return said


def _with_conf(said, argv, lines):
    """Runs a program of systemd on a temporary configuration of our own."""
    with tempfile.TemporaryDirectory(prefix="brinicle-", dir="/run") as folder:
        conf = os.path.join(folder, "brinicle.conf")
        with open(conf, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        _attempt(said, argv + [conf])


def _write_keys(said, lines):
    """
    Writes key files whole: systemd-tmpfiles truncates first, and sshd would find an empty file meanwhile.

    All are written beside their places, one sync makes them lasting, and then all are renamed.
    """
    ready, folders = [], set()
    for path, _kind, mode, uid, gid, content in lines:
        folder, base = os.path.split(path)
        temporary = os.path.join(folder, ".{}.new".format(base))
        try:
            if os.path.lexists(temporary):
                os.unlink(temporary)
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                os.fchown(handle, uid, gid)
                os.fchmod(handle, mode)
        except OSError as problem:
            said.append("{}: cannot be written: {}.".format(path, problem.strerror))
            continue
        ready.append((temporary, path))
        folders.add(folder)
    for folder in folders:
        _attempt(said, ["sync", "-f", folder])
    for temporary, path in ready:
        try:
            os.rename(temporary, path)
        except OSError as problem:
            said.append("{}: cannot be put in place: {}.".format(path, problem.strerror))
    for folder in folders:
        _attempt(said, ["sync", folder])


def _table(path):
    """``{name: [field, ...]}`` of a file like /etc/passwd; of two lines for a name the first counts."""
    table = {}
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                fields = line.rstrip("\n").split(":")
                if len(fields) > 1:
                    table.setdefault(fields[0], fields)
    except FileNotFoundError:
        # gshadow is optional.
        pass
    return table


def _number(fields, index):
    """A numeric field, or -1 for a damaged one, which no ID is."""
    try:
        return int(fields[index])
    except (IndexError, ValueError):
        return -1


def _by_number(table):
    """``{ID: [name, ...]}``"""
    names = {}
    for entry, fields in table.items():
        names.setdefault(_number(fields, 2), []).append(entry)
    return names


# --- subvolumes and quotas --------------------------------------------------------------------------------------


@_state
def subvolumes(name, table):
    """
    Makes each account's inbox a btrfs subvolume, so that it can have a quota of its own.

    table
        ``salt://`` source of ``{"format": 1, "jails": PATH, "accounts": [{"account", "uid", "retired"}, ...]}``;
        an account's group has its ``gid``, by default the number of its ``uid``.

    A jail folder that is absent is made ``root:ACCOUNT 0750``, one that others than root can write to is
    repaired, an empty inbox is replaced. An inbox with files in it is an error: they may be a push.
    """
    compiled = _jails(table)
    kind, mount, _options = _file_system(compiled["jails"])
    if kind != "btrfs":
        raise _Problem(
            "{} lies on {} ({}), and only btrfs has subvolumes. Mount a btrfs file system there, or choose "
            "another 'quota' in the policy.".format(compiled["jails"], kind, mount)
        )
    changes, problems = {}, []
    for row in compiled["accounts"]:
        if row["retired"]:
            continue
        try:
            what = _make_subvolume(compiled["jails"], row, __opts__["test"])
        except _Problem as problem:
            problems.append(str(problem))
        except OSError as problem:
            problems.append("{}: {}: {}.".format(row["account"], problem.filename, problem.strerror))
        else:
            if what:
                changes[row["account"]] = what
    return _conclude(name, changes, problems, "Every inbox is a subvolume.")


def _make_subvolume(jails, row, test):
    """``{path: change}`` of one account. Raises _Problem, OSError."""
    jail = os.path.join(jails, row["account"])
    inbox = os.path.join(jail, "inbox")
    what = _make_jail(jail, row["gid"], test)
    if what == {jail: "created"} and test:
        return {jail: "created", inbox: "subvolume created"}
    found = _lstat(inbox)
    if found and not stat.S_ISDIR(found.st_mode):
        raise _Problem("{}: is {}, not a folder. Look at it, remove it, and apply again.".format(inbox, _type(found)))
    if found and found.st_ino == BTRFS_SUBVOLUME_INODE:
        return what
    what[inbox] = "subvolume created"
    if found:
        with os.scandir(inbox) as entries:
            if next(entries, None):
                raise _not_empty(inbox)
        what[inbox] = "empty folder replaced by a subvolume"
    if test:
        return what
    if found:
        try:
            os.rmdir(inbox)
        except OSError:
            raise _not_empty(inbox) from None
    said = []
    if not _attempt(said, ["btrfs", "subvolume", "create", inbox]):
        raise _Problem("{}: {}".format(row["account"], " ".join(said)))
    with _opened_folder(inbox) as handle:
        os.fchown(handle, 0, row["gid"])
        os.fchmod(handle, INBOX_MODE)
    return what


def _make_jail(jail, gid, test):
    """Makes or repairs the folder above an inbox. Returns ``{path: change}``. Raises _Problem, OSError."""
    found = _lstat(jail)
    if found and not stat.S_ISDIR(found.st_mode):
        raise _Problem("{}: is {}, not a folder. Look at it, remove it, and apply again.".format(jail, _type(found)))
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


def _not_empty(inbox):
    return _Problem(
        "{0}: is a folder with files in it, so it is not replaced by a subvolume. Let rotate empty it; or as root: "
        "mv {0} {0}.old, apply again, and move what is in {0}.old back.".format(inbox)
    )


@_state
def quotas(name, kind, table, bytes, inodes):  # pylint: disable=redefined-builtin
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
    compiled = _jails(table)
    wanted = {}
    for row in compiled["accounts"]:
        if not row["retired"]:
            own = row.get("quota") or {}
            wanted[row["account"]] = (own.get("bytes", bytes), own.get("inodes", inodes))
    for account, limits in wanted.items():
        if not all(isinstance(limit, int) and not isinstance(limit, bool) and limit > 0 for limit in limits):
            raise _Problem("{}: a quota is a whole number of bytes and of inodes, above 0.".format(account))
    found_kind, mount, options = _file_system(compiled["jails"])
    if found_kind != kind:
        raise _Problem(
            "{} lies on {} ({}), and the policy says {}. Correct 'quota' in the policy, or mount the right file "
            "system there.".format(compiled["jails"], found_kind, mount, kind)
        )
    if kind == "btrfs":
        return _btrfs_quotas(name, compiled, wanted, mount)
    if kind in ("ext4", "xfs"):
        return _uid_quotas(name, compiled, wanted, mount, kind, options)
    raise _Problem("'{}' is no kind of quota: ext4, xfs or btrfs.".format(kind))


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
        return _conclude(name, changes, [], fine)
    said = []
    batch = ["{} {} {} {} {}\n".format(uids[account], *new) for account, (_old, new) in differs.items()]
    _attempt(said, ["setquota", "-u", "-b", mount], "".join(batch))
    return _conclude(name, changes, _did_not_take(differing(), said, changes), fine)


def _read_uid_quotas(mount, kind, options):
    """``{uid: (soft KiB, hard KiB, soft inodes, hard inodes)}`` of a file system. Raises _Problem."""
    code, out, err = _run(["repquota", "-u", "-n", "-p", "-v", mount])
    if code is None:
        raise _Problem("repquota is not installed. Install the package 'quota'.")
    if code != 0:
        repair = (
            "add 'uquota' to its options in /etc/fstab, then unmount and mount it (a remount is not enough)"
            if kind == "xfs"
            else "unmount it, run 'tune2fs -O quota' on its device, add 'usrquota' to its options in /etc/fstab, "
            "and mount it again"
        )
        raise _Problem(
            "{} ({}) has no user quota, so one host could fill the disk of all: {}. To turn it on: {}. Options "
            "now: {}.".format(mount, kind, _brief(err or out), repair, options)
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
        if not __opts__["test"] and not _attempt(said, ["btrfs", "quota", "enable", mount]):
            raise _Problem(" ".join(said))
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
            problems.append("{}: is no subvolume; the state 'brinicle.subvolumes' makes it one.".format(inbox))
            continue
        old = limits.get(identity)
        if old != size:
            identities[account] = identity
            changes[account] = {"bytes": {"old": old, "new": size}}
    fine = "Every inbox has its quota on {}.".format(mount)
    if __opts__["test"] or not identities:
        return _conclude(name, changes, problems, fine)
    said = []
    for account, identity in identities.items():
        _attempt(said, ["btrfs", "qgroup", "limit", str(wanted[account][0]), "0/{}".format(identity), mount])
    limits, _on = _read_qgroups(mount)
    left = [account for account, identity in identities.items() if limits.get(identity) != wanted[account][0]]
    return _conclude(name, changes, problems + _did_not_take(left, said, changes), fine)


def _read_qgroups(mount):
    """``({subvolume: most bytes referenced, or None}, whether quota is on)``. Raises _Problem."""
    code, out, err = _run(["btrfs", "qgroup", "show", "--raw", "-r", mount])
    if code is None:
        raise _Problem("btrfs is not installed. Install the package 'btrfs-progs'.")
    if code != 0 and ("not enabled" in err or "No such file" in err):
        return {}, False
    if code != 0:
        raise _Problem("The quota of {} cannot be read: {}.".format(mount, _brief(err or out)))
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
    """``(type, mount point, options)`` of where a path is, or would be made. Raises _Problem."""
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
        raise _Problem("{} is on no mounted file system that this process can see.".format(path))
    return best


def _jails(source):
    """The compiled table of jails, checked, with a ``gid`` and ``retired`` in every row. Raises _Problem."""
    text = _source(source)
    try:
        compiled = json.loads(text)
        if isinstance(compiled["format"], int) and compiled["format"] > 1:
            raise _Problem(
                "{} was written by a newer Brinicle (format {}). Deploy the whole of its output, with '_states', "
                "and run saltutil.sync_states.".format(source, compiled["format"])
            )
        rows = [
            dict(row, gid=row.get("gid", row["uid"]), retired=bool(row.get("retired")))
            for row in compiled["accounts"]
        ]
        sound = compiled["format"] == 1 and _is_clean(compiled["jails"])
        for row in rows:
            sound = sound and ACCOUNT.match(row["account"]) and all(_is_id(str(row[key])) for key in ("uid", "gid"))
            sound = sound and isinstance(row.get("quota") or {}, dict)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        sound = False
    if not sound:
        raise _Problem(
            "{} has not the shape that Brinicle writes. Run 'brinicle compile' and deploy its whole "
            "output.".format(source)
        )
    return {"jails": compiled["jails"], "accounts": rows}


# --- sshd -------------------------------------------------------------------------------------------------------


@_state
def sshd(name, table, expected, sshd="/usr/sbin/sshd", dropin="/etc/ssh/sshd_config.d/00-brinicle.conf", source=None):
    """
    Fails unless ``sshd -T -C user=ACCOUNT,...`` shows every directive that jails a host, for every account.

    table
        As for ``subvolumes``.
    expected
        ``{directive: value}``, the value as ``sshd -T`` prints it: a string, a list of words, or a boolean.
        ``%u`` stays ``%u``; ``RekeyLimit 1G 1h`` is ``1073741824 3600``.
    dropin, source
        Where our drop-in lies, and the ``salt://`` file it comes from. Under ``test=True`` the result is None
        while it is not in place, or, given a source, not of that content.

    A Match block of an administrator's that is read earlier wins over ours, and one that looks at the address is
    asked with an address that it matches. An account that was good under the same configuration, the same sshd
    and the same lines of /etc/passwd and /etc/group, as /var/lib/brinicle/sshd-checked.json remembers, is not
    asked again, but for three.
    """
    if not isinstance(expected, dict) or not expected:
        raise _Problem("'expected' must name the directives that sshd is to show.")
    active = [row["account"] for row in _jails(table)["accounts"] if not row["retired"]]
    if __opts__["test"] and _lstat(dropin) is None:
        return _answer(name, None, {}, "{} is not in place yet; sshd is asked once it is.".format(dropin))
    if __opts__["test"] and source and _read_file(dropin, 1 << 20) != _source(source).encode("utf-8"):
        return _answer(name, None, {}, "{} is to be replaced; sshd is asked once it is.".format(dropin))
    if not os.access(sshd, os.X_OK):
        raise _Problem("{} is absent. Install the package 'openssh-server'.".format(sshd))
    config = _config_lines(SSHD_CONFIG)
    if not any(os.path.realpath(path) == os.path.realpath(dropin) for path, _number, _words in config):
        raise _not_included(sshd, dropin)
    passwd = _table("/etc/passwd")
    absent = [account for account in active if account not in passwd]
    if absent and __opts__["test"]:
        return _answer(name, None, {}, "{} accounts are to be made; sshd is asked then.".format(len(absent)))
    if absent:
        raise _Problem(
            "{} accounts do not exist ({}...), and of such sshd cannot tell what a 'Match Group' does to them. Let "
            "the state that makes them come first.".format(len(absent), absent[0])
        )
    wanted = {key.lower(): _words_of(value) for key, value in expected.items()}
    peers = _peers(config)
    marks = _fingerprints(config, sshd, wanted, peers, active, passwd)
    known = _read_json(CHECKED_FILE).get("accounts")
    known = known if isinstance(known, dict) else {}
    always = {active[0], active[len(active) // 2], active[-1]} if active else ()
    asked = [account for account in active if account in always or known.get(account) != marks[account]]
    problems = _ask_all(sshd, asked, peers, wanted, config, dropin)
    if not problems and known != marks and not __opts__["test"]:
        _remember(marks)
    return _conclude(
        name, {}, problems, "sshd shows all {} directives for {} accounts.".format(len(wanted), len(active))
    )


def _not_included(sshd, dropin):
    code, out, err = _run([sshd, "-V"])
    version = re.search(r"OpenSSH_(\d+)\.(\d+)", out + err)
    if code is not None and version and (int(version.group(1)), int(version.group(2))) < (8, 2):
        return _Problem(
            "OpenSSH {}.{} knows no Include, so {} is not read. Use OpenSSH 8.2 or later.".format(
                version.group(1), version.group(2), dropin
            )
        )
    return _Problem(
        "{} is absent, or {} does not include it, so sshd does not read it. The line 'Include {}/*.conf' belongs "
        "at the top of {}.".format(dropin, SSHD_CONFIG, os.path.dirname(dropin), SSHD_CONFIG)
    )


def _words_of(value):
    """The words of an expected value."""
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    if isinstance(value, (list, tuple)):
        return [word for item in value for word in _words_of(item)]
    return str(value).split()


def _config_lines(path, depth=0):
    """``[(file, number, words)]`` in the order in which sshd reads them, Includes in their places."""
    lines = []
    if depth > 16:
        return lines
    text = _read_file(path, 16 << 20)
    # A file that is empty counts as read, too.
    lines.append((path, 0, []))
    for number, line in _lines((text or b"").decode("utf-8", "replace")):
        try:
            words = shlex.split(re.sub(r"^(\w+)\s*=\s*", r"\1 ", line), comments=True)
        except ValueError:
            words = line.split()
        if not words:
            continue
        lines.append((path, number, words))
        if words[0].lower() == "include":
            for pattern in words[1:]:
                for included in sorted(glob.glob(os.path.join("/etc/ssh", pattern))):
                    lines.extend(_config_lines(included, depth + 1))
    return lines


def _peers(config):
    """
    ``-C`` strings that between them reach every Match on an address, a host or a port in the configuration.

    The first stands for any client; each further one for a Match line that looks at more than user and group.
    """
    peers = ["host=client.invalid,addr=192.0.2.1,laddr=192.0.2.2,lport=22"]
    for _path, _number, words in config:
        if words[:1] and words[0].lower() == "match":
            given = {"host": "client.invalid", "addr": "192.0.2.1", "laddr": "192.0.2.2", "lport": "22"}
            keys = {"host": "host", "address": "addr", "localaddress": "laddr", "localport": "lport"}
            for criterion, value in zip(words[1::2], words[2::2]):
                key = keys.get(criterion.lower())
                if key:
                    given[key] = _example(value)
            peer = ",".join("{}={}".format(key, value) for key, value in given.items())
            if peer not in peers:
                peers.append(peer)
    return peers


def _example(patterns):
    """Something that a list of patterns of a Match line takes."""
    choice = next((word for word in patterns.split(",") if word and not word.startswith("!")), "192.0.2.1")
    # The address of a network is in it; wildcards take a digit.
    return choice.split("/")[0].replace("*", "1").replace("?", "1")


def _ask_all(sshd, asked, peers, wanted, config, dropin):
    """Problems of the accounts asked, in their order."""

    def ask(account):
        problems = []
        for peer in peers:
            code, out, err = _run([sshd, "-T", "-C", "user={},{}".format(account, peer)])
            if code != 0:
                return ["{}: sshd -T fails: {}.".format(account, _brief(err or out))]
            shown = {}
            for line in out.splitlines():
                key, *words = line.split()
                shown.setdefault(key, []).extend(words)
            for directive, words in wanted.items():
                found = shown.get(directive)
                if found != words:
                    place = "" if peer == peers[0] else " from {}".format(peer)
                    problems.append(
                        "{}{}: {} must be '{}', and sshd says '{}'{}.".format(
                            account,
                            place,
                            directive,
                            " ".join(words),
                            "(nothing)" if found is None else " ".join(found),
                            _winner(config, directive, found, dropin),
                        )
                    )
            if problems:
                # The other addresses would only repeat it.
                break
        return problems

    with concurrent.futures.ThreadPoolExecutor(max_workers=min(16, 2 * (os.cpu_count() or 1))) as pool:
        return [problem for problems in pool.map(ask, asked) for problem in problems]


def _winner(config, directive, found, dropin):
    """Where the value that sshd shows probably comes from, in words."""
    for path, number, words in config:
        if words[:1] and words[0].lower() == directive and path != dropin:
            if [word.lower() for word in words[1:]] == [word.lower() for word in found or []]:
                return "; probably by {}:{}, which is read before {}".format(path, number, dropin)
    return ""


def _fingerprints(config, sshd, wanted, peers, active, passwd):
    """``{account: digest}`` of everything that sshd's answer for an account depends on."""
    shared = []
    for path in dict.fromkeys(path for path, _number, _words in config):
        shared.append([path, hashlib.sha256(_read_file(path, 16 << 20) or b"").hexdigest()])
    about = os.stat(sshd)
    shared.append([sshd, about.st_size, about.st_mtime_ns, wanted, peers])
    common = hashlib.sha256(json.dumps(shared, sort_keys=True).encode("utf-8"))
    member_of, by_gid = {}, {}
    for entry, fields in _table("/etc/group").items():
        by_gid.setdefault("".join(fields[2:3]), []).append(entry)
        for member in fields[3].split(",") if len(fields) > 3 else ():
            member_of.setdefault(member, []).append(entry)
    marks = {}
    for account in active:
        own = [passwd[account], member_of.get(account), by_gid.get("".join(passwd[account][3:4]))]
        digest = common.copy()
        digest.update(json.dumps(own).encode("utf-8"))
        marks[account] = digest.hexdigest()[:32]
    return marks


def _remember(marks):
    """Keeps the fingerprints of a good check; without them the next run asks for all accounts again."""
    try:
        folder = os.path.dirname(CHECKED_FILE)
        os.makedirs(folder, mode=0o755, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".sshd-checked-", dir=folder)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"format": 1, "accounts": marks}, file)
        os.rename(temporary, CHECKED_FILE)
    except OSError as problem:
        log.warning("brinicle: cannot remember the check of sshd: %s", problem)


# --- shared -----------------------------------------------------------------------------------------------------


def _source(source):
    """The text of a ``salt://`` file. Raises _Problem."""
    saltenv = globals().get("__env__") or "base"
    path = __salt__["cp.cache_file"](source, saltenv)
    if not path:
        raise _Problem(
            "{} is not on the master in saltenv '{}'. Deploy the whole output of 'brinicle compile'.".format(
                source, saltenv
            )
        )
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, ValueError) as problem:
        raise _Problem("{} cannot be read: {}.".format(source, problem)) from None


def _read_json(path):
    """The mapping in a file of our own, ``{}`` if there is none."""
    try:
        document = json.loads(_read_file(path, 64 << 20) or b"{}")
    except (ValueError, OSError):
        return {}
    return document if isinstance(document, dict) else {}


def _read_file(path, limit):
    """At most ``limit`` bytes of a regular file, or None where there is none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        return file.read(limit) if stat.S_ISREG(os.fstat(handle).st_mode) else None


def _lstat(path):
    """What is at a path, a link itself, or None. Raises OSError where that cannot be told."""
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None


def _run(argv, stdin=None):
    """``(exit code or None for no such program, standard output, standard error)`` of a program of the machine."""
    try:
        done = subprocess.run(
            argv,
            input=(stdin or "").encode("utf-8"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Nothing of what Salt was started with, and answers in English.
            env={"PATH": PROGRAM_PATH, "LC_ALL": "C.UTF-8", "HOME": "/"},
            check=False,
        )
    except OSError as problem:
        return None, "", "{}: {}".format(argv[0], problem.strerror)
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


def _attempt(said, argv, stdin=None):
    """Whether a program ended well; if not, what it said is added to ``said``."""
    code, out, err = _run(argv, stdin)
    if code != 0:
        said.append("{} ended with {}: {}.".format(argv[0], "nothing" if code is None else code, _brief(err or out)))
    return code == 0


def _brief(text):
    """The last lines of what a program said, on one line and without control characters."""
    kept = " ".join(line.strip() for line in text.strip().splitlines()[-3:])
    return "".join(letter if letter.isprintable() else "?" for letter in kept)[:400].rstrip(".")


def _conclude(name, changes, problems, fine):
    """The state's answer: False with problems, None under test=True with changes, else True."""
    if problems:
        more = len(problems) - SHOWN_PROBLEMS
        rest = ["... and {} more.".format(more)] if more > 0 else []
        return _answer(name, False, changes, "\n".join(problems[:SHOWN_PROBLEMS] + rest))
    if changes and __opts__["test"]:
        return _answer(name, None, changes, "{} would be changed.".format(_count(changes)))
    return _answer(name, True, changes, "{} changed. {}".format(_count(changes), fine) if changes else fine)


def _count(changes):
    return "1 entry" if len(changes) == 1 else "{} entries".format(len(changes))


def _answer(name, result, changes, comment):
    return {"name": name, "result": result, "changes": changes, "comment": comment}
