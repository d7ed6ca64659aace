"""
What sshd really does with the hosts' accounts.

``confined``  fails unless sshd shows every directive for every account

It takes its input from a ``salt://`` file that ``brinicle compile`` wrote, so that ``test=True`` can tell what would
change on a machine that has none of it yet. An expected problem becomes a failed state with what, why and what to do.
"""

import glob
import hashlib
import json
import logging
import os
import re
import shlex
import tempfile

from salt.exceptions import CommandExecutionError

log = logging.getLogger(__name__)

CHECKED_FILE = "/var/lib/brinicle/sshd-checked.json"
SSHD_CONFIG = "/etc/ssh/sshd_config"


def __virtual__():
    if "brinicle.answer" in __utils__:
        return True
    return False, "'_utils/brinicle.py' is not on this minion. Deploy the whole output, and run saltutil.sync_all."


def confined(
    name, table, expected, sshd="/usr/sbin/sshd", dropin="/etc/ssh/sshd_config.d/00-brinicle.conf", source=None
):
    """
    Fails unless ``sshd -T -C user=ACCOUNT,...`` shows every directive that jails a host, for every account.

    table
        As for ``brinicle_quota.subvolumes``.
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
    try:
        return _confined(name, table, expected, sshd, dropin, source)
    except CommandExecutionError as problem:
        return __utils__["brinicle.answer"](name, False, {}, str(problem))


def _confined(name, table, expected, sshd, dropin, source):
    if not isinstance(expected, dict) or not expected:
        raise CommandExecutionError("'expected' must name the directives that sshd is to show.")
    active = [row["account"] for row in __utils__["brinicle.jails"](table, __env__)["accounts"] if not row["shut_out"]]
    if __opts__["test"] and __utils__["brinicle.lstat"](dropin) is None:
        return __utils__["brinicle.answer"](
            name, None, {}, "{} is not in place yet; sshd is asked once it is.".format(dropin)
        )
    if __opts__["test"] and source:
        text = __utils__["brinicle.source"](source, __env__).encode("utf-8")
        if __utils__["brinicle.read_file"](dropin, 1 << 20) != text:
            return __utils__["brinicle.answer"](
                name, None, {}, "{} is to be replaced; sshd is asked once it is.".format(dropin)
            )
    if not os.access(sshd, os.X_OK):
        raise CommandExecutionError("{} is absent. Install the package 'openssh-server'.".format(sshd))
    config = _config_lines(SSHD_CONFIG)
    if not any(os.path.realpath(path) == os.path.realpath(dropin) for path, _number, _words in config):
        raise _not_included(sshd, dropin)
    passwd = __utils__["brinicle.table"]("/etc/passwd")
    absent = [account for account in active if account not in passwd]
    if absent and __opts__["test"]:
        return __utils__["brinicle.answer"](
            name, None, {}, "{} accounts are to be made; sshd is asked then.".format(len(absent))
        )
    if absent:
        raise CommandExecutionError(
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
    if not any([word.lower() for word in words[:2]] == ["subsystem", "sftp"] for _path, _number, words in config):
        problems.append(
            "sshd has no subsystem sftp, so it would refuse every push. Add 'Subsystem sftp internal-sftp' to "
            "{}.".format(SSHD_CONFIG)
        )
    if not problems and known != marks and not __opts__["test"]:
        _remember(marks)
    fine = "sshd shows all {} directives for {} accounts.".format(len(wanted), len(active))
    return __utils__["brinicle.conclude"](name, {}, problems, fine, __opts__["test"])


def _not_included(sshd, dropin):
    code, out, err = __utils__["brinicle.run"]([sshd, "-V"])
    version = re.search(r"OpenSSH_(\d+)\.(\d+)", out + err)
    if code is not None and version and (int(version.group(1)), int(version.group(2))) < (8, 2):
        return CommandExecutionError(
            "OpenSSH {}.{} knows no Include, so {} is not read. Use OpenSSH 8.2 or later.".format(
                version.group(1), version.group(2), dropin
            )
        )
    return CommandExecutionError(
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
    text = __utils__["brinicle.read_file"](path, 16 << 20)
    # A file that is empty counts as read, too.
    lines.append((path, 0, []))
    for number, line in __utils__["brinicle.lines"]((text or b"").decode("utf-8", "replace")):
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
    found = {}
    for peer in peers:
        # The other addresses would only repeat what the first has shown.
        left = [account for account in asked if account not in found]
        answers = __utils__["brinicle.run_all"](
            [[sshd, "-T", "-C", "user={},{}".format(account, peer)] for account in left]
        )
        place = "" if peer == peers[0] else " from {}".format(peer)
        for account, (code, out, err) in zip(left, answers):
            if code != 0:
                found[account] = ["{}: sshd -T fails: {}.".format(account, __utils__["brinicle.brief"](err or out))]
                continue
            shown = _shown(out)
            problems = [
                "{}{}: {} must be '{}', and sshd says '{}'{}.".format(
                    account,
                    place,
                    directive,
                    " ".join(words),
                    " ".join(shown.get(directive, ["(nothing)"])),
                    _winner(config, directive, shown.get(directive), dropin),
                )
                for directive, words in wanted.items()
                if shown.get(directive) != words
            ]
            if problems:
                found[account] = problems
    return [problem for account in asked for problem in found.get(account, ())]


def _shown(text):
    """``{directive: words}`` of what ``sshd -T`` prints; the words of a directive's lines are one list."""
    shown = {}
    for line in text.splitlines():
        key, *words = line.split()
        shown.setdefault(key, []).extend(words)
    return shown


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
        shared.append([path, hashlib.sha256(__utils__["brinicle.read_file"](path, 16 << 20) or b"").hexdigest()])
    about = os.stat(sshd)
    shared.append([sshd, about.st_size, about.st_mtime_ns, wanted, peers])
    common = hashlib.sha256(json.dumps(shared, sort_keys=True).encode("utf-8"))
    member_of, by_gid = {}, {}
    for entry, fields in __utils__["brinicle.table"]("/etc/group").items():
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


def _read_json(path):
    """The mapping in a file of our own, ``{}`` if there is none."""
    try:
        document = json.loads(__utils__["brinicle.read_file"](path, 64 << 20) or b"{}")
    except (ValueError, OSError):
        return {}
    return document if isinstance(document, dict) else {}


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
