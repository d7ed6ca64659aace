"""
Brinicle's accounts on the backup server, in bulk.

``present``  makes and repairs the accounts, folders and key files of all hosts at once

It takes its input from ``salt://`` files that ``brinicle compile`` wrote, so that ``test=True`` can tell what would
change on a machine that has none of it yet. An expected problem becomes a failed state with what, why and what to
do; one bad host never stops the others.
"""

import os
import stat
import tempfile

from salt.exceptions import CommandExecutionError

AGEING = (("minimum days", 3), ("maximum days", 4), ("warning days", 5), ("inactive days", 6), ("expiry", 7))


def __virtual__():
    if "brinicle.answer" in __utils__:
        return True
    return False, "'_utils/brinicle.py' is not on this minion. Deploy the whole output, and run saltutil.sync_all."


def present(name, sysusers, tmpfiles):
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
    try:
        return _present(name, sysusers, tmpfiles)
    except CommandExecutionError as problem:
        return __utils__["brinicle.answer"](name, False, {}, str(problem))


def _present(name, sysusers, tmpfiles):
    users, groups = __utils__["brinicle.sysusers"](sysusers, __env__)
    lines = __utils__["brinicle.tmpfiles"](tmpfiles, __env__)
    fine = "{} accounts are as compiled.".format(len(users))
    drift = _Drift(users, groups, lines)
    changes = drift.changes()
    if __opts__["test"] or not changes:
        return __utils__["brinicle.conclude"](name, changes, drift.problems, fine, __opts__["test"])
    said = _apply_accounts(drift)
    left = _Drift(users, groups, lines)
    while drift.postponed > left.postponed:
        # What lies in a folder that was writable by others is looked at once the folder is root's again.
        for account, what in left.changes().items():
            changes.setdefault(account, {}).update(what)
        said.extend(_apply_accounts(left))
        drift, left = left, _Drift(users, groups, lines)
    # What a program said comes first: of a thousand accounts that did not take, only some are shown.
    problems = list(left.problems) + (said if left.changes() else [])
    for account, what in left.changes().items():
        problems.append("{}: did not take: {}.".format(account, ", ".join(sorted(what))))
        # What did not take is no change.
        for item in what:
            changes.get(account, {}).pop(item, None)
    changes = {account: what for account, what in changes.items() if what}
    return __utils__["brinicle.conclude"](name, changes, problems, fine, __opts__["test"])


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
        passwd, group = __utils__["brinicle.table"]("/etc/passwd"), __utils__["brinicle.table"]("/etc/group")
        self._find_groups(group, __utils__["brinicle.table"]("/etc/gshadow"))
        self._find_users(passwd, __utils__["brinicle.table"]("/etc/shadow"))
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
                    raise CommandExecutionError(
                        "{}: left alone, because {} is writable by others than root. Correct its owner and "
                        "mode.".format(path, unsafe)
                    )
                what = _differs(line, uid, gid)
            except CommandExecutionError as problem:
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
    """What differs at a path, ``{}`` if nothing does, or a word. Raises CommandExecutionError or OSError."""
    path, kind, mode, _user, _group, content = line
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return {} if kind == "r" else "created"
    if kind == "r":
        if stat.S_ISDIR(found.st_mode):
            raise CommandExecutionError(
                "{}: is a folder where no file may be. Look at it, and remove it.".format(path)
            )
        return "removed"
    right = stat.S_ISDIR if kind == "d" else stat.S_ISREG
    if not right(found.st_mode):
        raise CommandExecutionError(
            "{}: is {}, not {}, and is not followed. Somebody with root's rights put it there: look at it, "
            "remove it, and apply again.".format(
                path, __utils__["brinicle.file_type"](found), "a folder" if kind == "d" else "a file"
            )
        )
    what = {}
    if stat.S_IMODE(found.st_mode) != mode:
        what["mode"] = {"old": "{:04o}".format(stat.S_IMODE(found.st_mode)), "new": "{:04o}".format(mode)}
    if (found.st_uid, found.st_gid) != (uid, gid):
        old = "{}:{}".format(found.st_uid, found.st_gid)
        what["owner"] = {"old": old, "new": "{}:{}".format(uid, gid)}
    if kind == "f+" and __utils__["brinicle.read_file"](path, len(content) + 1) != content:
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


def _apply_accounts(drift):
    """Does what the drift asks for, a program at a time for all accounts; returns what went wrong, in words."""
    said = []
    new_users = [entry for entry, fields in drift.accounts.items() if "account" in fields]
    new_groups = [entry for entry, (old, _gid) in drift.groups.items() if old is None]
    for entry, (old, gid) in drift.groups.items():
        if old is not None:
            __utils__["brinicle.attempt"](said, ["groupmod", "-g", str(gid), entry])
    if new_users or new_groups:
        text = ["g {} {}".format(entry, drift.wanted_groups[entry]) for entry in new_groups]
        for entry in new_users:
            text.append('u {} {}:{} "{}" {} {}'.format(entry, *drift.users[entry]))
        _with_conf(said, ["systemd-sysusers"], text)
    for entry, fields in drift.accounts.items():
        flags = {"uid": "-u", "gid": "-g", "gecos": "-c", "home": "-d", "shell": "-s"}
        arguments = [word for key, flag in flags.items() if key in fields for word in (flag, str(fields[key][1]))]
        if arguments:
            __utils__["brinicle.attempt"](said, ["usermod"] + arguments + [entry])
        if any(key in fields for key, _index in AGEING):
            __utils__["brinicle.attempt"](
                said, ["chage", "-m", "-1", "-M", "-1", "-W", "-1", "-I", "-1", "-E", "-1", entry]
            )
    # systemd-sysusers writes `!*`, which sshd takes for a locked account where `UsePAM no`.
    open_ones = new_users + [entry for entry, fields in drift.accounts.items() if "password" in fields]
    if open_ones:
        __utils__["brinicle.attempt"](said, ["chpasswd", "-e"], "".join(entry + ":*\n" for entry in open_ones))
    gshadow = __utils__["brinicle.table"]("/etc/gshadow")
    locked = [entry for entry in new_groups + drift.group_passwords if entry in gshadow]
    if locked:
        __utils__["brinicle.attempt"](said, ["chgpasswd", "-e"], "".join(entry + ":!\n" for entry in locked))
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
        __utils__["brinicle.attempt"](said, argv + [conf])


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
        __utils__["brinicle.attempt"](said, ["sync", "-f", folder])
    for temporary, path in ready:
        try:
            os.rename(temporary, path)
        except OSError as problem:
            said.append("{}: cannot be put in place: {}.".format(path, problem.strerror))
    for folder in folders:
        __utils__["brinicle.attempt"](said, ["sync", folder])


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
