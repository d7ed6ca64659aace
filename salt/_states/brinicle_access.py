"""
Who may reach a jail no more.

``withdrawn``  removes key files that nobody compiled, and ends sessions that began with a key that is gone

It takes its input from a ``salt://`` file that ``brinicle compile`` wrote. An expected problem becomes a failed state
with what, why and what to do.
"""

import os
import signal
import stat

from salt.exceptions import CommandExecutionError

KEYS = "/etc/brinicle/keys"


def __virtual__():
    if "brinicle.answer" in __utils__:
        return True
    return False, "'_utils/brinicle.py' is not on this minion. Deploy the whole output, and run saltutil.sync_all."


def withdrawn(name, table, keys=KEYS):
    """
    Takes back what a key once opened.

    table
        As for ``brinicle_quota.subvolumes``.
    keys
        The folder of authorized_keys, ours alone.

    A key file of no active account is removed, also that of an account whose line was taken out of the lock. A
    process of a compiled account that began before its key file was last written, or that has no key file at all, is
    killed: sshd asks for a key once, and a session that it opened lasts as long as the host likes.

    ``changes`` is ``{account or file: what}``; None under ``test=True`` where there is any.
    """
    try:
        return _withdrawn(name, table, keys)
    except CommandExecutionError as problem:
        return __utils__["brinicle.answer"](name, False, {}, str(problem))


def _withdrawn(name, table, keys):
    test = __opts__["test"]
    rows = __utils__["brinicle.jails"](table, __env__)["accounts"]
    active = {row["account"] for row in rows if not row["shut_out"]}
    changes, problems = {}, []
    for entry in _entries(keys):
        if entry in active:
            continue
        changes[entry] = "key file removed"
        if not test:
            _remove(os.path.join(keys, entry), problems)
    for row in rows:
        row["since"] = _written(os.path.join(keys, row["account"])) if row["account"] in active else None
    by_uid = {row["uid"]: row for row in rows}
    for pid, uid, began in _processes(by_uid):
        row = by_uid[uid]
        # The start is known to the second: in doubt the session goes, and the host comes back with its key.
        if row["since"] is not None and began > row["since"] + 1:
            continue
        changes[row["account"]] = "sessions ended"
        if not test:
            _kill(pid, uid, problems)
    fine = "Nobody reaches a jail but by the key that is compiled."
    return __utils__["brinicle.conclude"](name, changes, problems, fine, test)


def _entries(folder):
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []


def _remove(path, problems):
    try:
        os.unlink(path)
    except OSError as problem:
        problems.append("{}: cannot be removed: {}. Look at it, and remove it.".format(path, problem.strerror))


def _written(path):
    """When a key file was last written, in seconds; None if there is none."""
    found = __utils__["brinicle.lstat"](path)
    return found.st_mtime if found is not None and stat.S_ISREG(found.st_mode) else None


def _processes(uids):
    """``(pid, uid, second in which it began)`` of every process of these uids."""
    ticks = os.sysconf("SC_CLK_TCK")
    with open("/proc/stat", encoding="ascii") as file:
        booted = next(int(line.split()[1]) for line in file if line.startswith("btime "))
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            uid = os.stat("/proc/" + entry).st_uid
            if uid not in uids:
                continue
            with open("/proc/{}/stat".format(entry), encoding="utf-8", errors="replace") as file:
                # The name of the program may hold blanks and brackets; the 22nd field is the 20th after it.
                began = int(file.read().rpartition(")")[2].split()[19])
        except (OSError, IndexError, ValueError):
            continue
        yield int(entry), uid, booted + began / ticks


def _kill(pid, uid, problems):
    try:
        # Its number may have gone to somebody else meanwhile.
        if os.stat("/proc/{}".format(pid)).st_uid == uid:
            os.kill(pid, signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        return
    except OSError as problem:
        problems.append("process {}: cannot be ended: {}.".format(pid, problem.strerror))
