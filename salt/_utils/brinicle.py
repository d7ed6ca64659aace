"""
What Brinicle's state modules share, for them alone: reading what ``brinicle compile`` wrote, the machine's tables,
files and programs, and a state's answer.

What a person can act on is raised as CommandExecutionError. It is a class of Salt's, because every loader executes
this file anew, and a class of ours would not be the same one everywhere. Nothing here can be reached from a thread,
which has no ``__utils__``: ``run_all`` runs programs side by side.
"""

import concurrent.futures
import json
import os
import re
import shlex
import stat
import subprocess

from salt.exceptions import CommandExecutionError

PROGRAM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}\Z")
PATH = re.compile(r"(/[^\s/\"'\\%]+)+\Z")
SHOWN_PROBLEMS = 20


def source(url, saltenv):
    """The text of a ``salt://`` file. Raises CommandExecutionError."""
    path = __salt__["cp.cache_file"](url, saltenv)
    if not path:
        raise CommandExecutionError(
            "{} is not on the master in saltenv '{}'. Deploy the whole output of 'brinicle compile'.".format(
                url, saltenv
            )
        )
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, ValueError) as problem:
        raise CommandExecutionError("{} cannot be read: {}.".format(url, problem)) from None


def sysusers(url, saltenv):
    """
    The lines ``g NAME GID`` and ``u NAME UID:GID "GECOS" HOME SHELL`` of a compiled file.

    ``({name: (uid, gid, gecos, home, shell)}, {name: gid})``. Raises CommandExecutionError with the line's number.
    """
    users, groups = {}, {}
    for number, line in lines(source(url, saltenv)):
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
        raise _not_ours(url, number)
    return users, groups


def tmpfiles(url, saltenv):
    """
    The lines of kind ``d``, ``f+`` and ``r`` of a compiled file.

    Sorted ``(path, kind, mode, user, group, content)``, a folder before what is in it. Raises
    CommandExecutionError with the line's number.
    """
    found = []
    for number, line in lines(source(url, saltenv)):
        words = line.split(None, 6)
        if len(words) == 2 and words[0] == "r" and _is_clean(words[1]):
            found.append((words[1], "r", 0, "", "", b""))
            continue
        wanted = {"d": 6, "f+": 7}.get(words[0])
        if len(words) != wanted or not _is_clean(words[1]) or not re.match(r"[0-7]{3,4}\Z", words[2]):
            raise _not_ours(url, number)
        try:
            content = _unescape(words[6]) if words[0] == "f+" else b""
        except ValueError:
            raise _not_ours(url, number) from None
        found.append((words[1], words[0], int(words[2], 8), words[3], words[4], content))
    return sorted(found)


def jails(url, saltenv):
    """
    The compiled table of jails, checked, with a ``gid`` and ``shut_out`` in every row.

    Raises CommandExecutionError.
    """
    text = source(url, saltenv)
    try:
        compiled = json.loads(text)
        if isinstance(compiled["format"], int) and compiled["format"] > 1:
            raise CommandExecutionError(
                "{} was written by a newer Brinicle (format {}). Deploy the whole of its output, with '_states' "
                "and '_utils', and run saltutil.sync_all.".format(url, compiled["format"])
            )
        rows = [
            dict(row, gid=row.get("gid", row["uid"]), shut_out=bool(row.get("shut_out")))
            for row in compiled["accounts"]
        ]
        sound = compiled["format"] == 1 and _is_clean(compiled["jails"])
        for row in rows:
            sound = sound and ACCOUNT.match(row["account"]) and all(_is_id(str(row[key])) for key in ("uid", "gid"))
            sound = sound and isinstance(row.get("quota") or {}, dict)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        sound = False
    if not sound:
        raise CommandExecutionError(
            "{} has not the shape that Brinicle writes. Run 'brinicle compile' and deploy its whole "
            "output.".format(url)
        )
    return {"jails": compiled["jails"], "accounts": rows}


def lines(text):
    """Numbered lines without blank ones and comments."""
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if line and not line.startswith("#"):
            yield number, line


def _not_ours(url, number):
    return CommandExecutionError(
        "{}:{}: not a line that Brinicle writes, so nothing was changed. Run 'brinicle compile' and deploy its "
        "whole output.".format(url, number)
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


def table(path):
    """``{name: [field, ...]}`` of a file like /etc/passwd; of two lines for a name the first counts."""
    entries = {}
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                fields = line.rstrip("\n").split(":")
                if len(fields) > 1:
                    entries.setdefault(fields[0], fields)
    except FileNotFoundError:
        # gshadow is optional.
        pass
    return entries


def read_file(path, limit):
    """At most ``limit`` bytes of a regular file, or None where there is none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        return file.read(limit) if stat.S_ISREG(os.fstat(handle).st_mode) else None


def lstat(path):
    """What is at a path, a link itself, or None. Raises OSError where that cannot be told."""
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None


def file_type(found):
    """An inode's type in words."""
    kinds = ((stat.S_ISLNK, "a symlink"), (stat.S_ISDIR, "a folder"), (stat.S_ISREG, "a file"))
    return next((words for test, words in kinds if test(found.st_mode)), "a pipe, socket or device")


def run(argv, stdin=None):
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


def run_all(commands):
    """Yields what ``run`` answers to each of many commands, in their order, some of them running at once."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=min(16, 2 * (os.cpu_count() or 1))) as pool:
        yield from pool.map(run, commands)


def attempt(said, argv, stdin=None):
    """Whether a program ended well; if not, what it said is added to ``said``."""
    code, out, err = run(argv, stdin)
    if code != 0:
        said.append("{} ended with {}: {}.".format(argv[0], "nothing" if code is None else code, brief(err or out)))
    return code == 0


def brief(text):
    """The last lines of what a program said, on one line and without control characters."""
    kept = " ".join(line.strip() for line in text.strip().splitlines()[-3:])
    return "".join(letter if letter.isprintable() else "?" for letter in kept)[:400].rstrip(".")


def conclude(name, changes, problems, fine, test):
    """The state's answer: False with problems, None under test=True with changes, else True."""
    if problems:
        more = len(problems) - SHOWN_PROBLEMS
        rest = ["... and {} more.".format(more)] if more > 0 else []
        return answer(name, False, changes, "\n".join(problems[:SHOWN_PROBLEMS] + rest))
    if changes and test:
        return answer(name, None, changes, "{} would be changed.".format(_count(changes)))
    return answer(name, True, changes, "{} changed. {}".format(_count(changes), fine) if changes else fine)


def _count(changes):
    return "1 entry" if len(changes) == 1 else "{} entries".format(len(changes))


def answer(name, result, changes, comment):
    return {"name": name, "result": result, "changes": changes, "comment": comment}
