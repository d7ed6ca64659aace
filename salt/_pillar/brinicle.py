"""
Brinicle's external pillar: what `brinicle compile` wrote for a minion, and for no other.

Configured on the master as::

    ext_pillar:
      - brinicle:
          data: /srv/brinicle/out/pillar

Reads, under ``data``:

``defaults.json``
    ``{"format": 1, "server": ID, "mine_functions": {...}, "server_mine_functions": {...},
    "key": {"path": PATH, "type": "ed25519" or "rsa"}, "recipients": {SHA-256 in hex: armored OpenPGP key}}``
``hosts/<first 2 hex>/<SHA-256 of the minion ID, hex>.json``
    ``{"format": 1, "minion": ID, "brinicle": {...}}``, in which ``host:snap:seal:recipients`` names keys of
    ``defaults.json``: they are the same for all hosts, and would be most of the files of a large fleet

Gives ``backup_minute`` (always), ``mine_functions`` (whenever defaults.json is sound) and ``brinicle``:
the minion's own data with the recipients' keys in place of their names, or ``{"error": TEXT}``, which Brinicle's states turn into a failed state. Beside the error
stands ``key`` (whenever defaults.json is sound), so that a minion not yet compiled can make and publish its push key.
It never raises: an exception here would stop every state of that minion, the user's too.
"""

import errno
import hashlib
import json
import logging
import os
import re
import stat
import zlib

log = logging.getLogger(__name__)

__virtualname__ = "brinicle"

FORMAT = 1
MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32
KEY_PATH = re.compile(r"(/[A-Za-z0-9_.][A-Za-z0-9._-]*)+\Z")
COMPILE = "Run 'brinicle compile' and put its whole output in place"


class _Unsound(Exception):
    """Why compiled data cannot be used, in a sentence a person can act on."""


def __virtual__():
    return __virtualname__


def ext_pillar(minion_id, pillar, data=None, *_rest, **_unknown):
    """
    The pillar of one minion.

    minion_id
        What the master knows the minion by; the only identity there is.
    data
        The folder that ``brinicle compile`` wrote as ``pillar``.

    Returns ``{"backup_minute": 0..59, "mine_functions": {...}, "brinicle": {...} or {"error": TEXT, "key": {...}}}``,
    without ``mine_functions`` and ``key`` where defaults.json is unsound. Raises nothing.
    """
    answer = {"backup_minute": 0}
    key = {}
    try:
        # An ID that is no string cannot be; it still gets its minute.
        name = minion_id if isinstance(minion_id, str) else str(minion_id)
        raw = name.encode("utf-8", "surrogatepass")
        answer["backup_minute"] = zlib.crc32(raw) % 60
        defaults = _defaults(data)
        ours = name == defaults["server"]
        # The backup server pushes nowhere.
        key = {} if ours else {"key": defaults["key"]}
        answer["mine_functions"] = defaults["server_mine_functions" if ours else "mine_functions"]
        answer["brinicle"] = _with_recipients(_host(data, name, raw), defaults["recipients"])
    except _Unsound as problem:
        log.error("brinicle: pillar of %r: %s", minion_id, problem)
        answer["brinicle"] = dict(key, error=str(problem))
    except Exception as problem:  # pylint: disable=broad-except
        log.exception("brinicle: pillar of a minion")
        answer["brinicle"] = {
            "error": "Brinicle's pillar failed by itself ({}): that is a defect. The master's log has the "
            "details; please report it.".format(type(problem).__name__)
        }
    return answer


def _defaults(data):
    """The sound content of defaults.json. Raises _Unsound."""
    if not isinstance(data, str) or not data.startswith("/"):
        raise _Unsound(
            "The master's ext_pillar configuration gives Brinicle no folder: set 'data' of 'brinicle' to the "
            "absolute path of the compiled pillar folder."
        )
    path = os.path.join(data, "defaults.json")
    try:
        document = _load(path)
    except FileNotFoundError:
        if not os.path.isdir(data):
            raise _Unsound(
                "The folder of compiled pillar data, {}, does not exist on the master. {}, or correct 'data' "
                "in the master's ext_pillar configuration.".format(_shown(data), COMPILE)
            ) from None
        raise _Unsound(
            "{} does not exist, so the compiled pillar data is incomplete. {}.".format(_shown(path), COMPILE)
        ) from None
    if not (
        isinstance(document.get("server"), str)
        and isinstance(document.get("mine_functions"), dict)
        and isinstance(document.get("server_mine_functions"), dict)
        and _is_key(document.get("key"))
        and isinstance(document.get("recipients"), dict)
    ):
        raise _Unsound(
            "{} has not the shape that Brinicle writes ('server', 'mine_functions', 'server_mine_functions', "
            "'key', 'recipients'). {}, and do not edit it.".format(_shown(path), COMPILE)
        )
    return document


def _is_key(value):
    """Whether it says where a push key lies, and of which type it is: both go into a command line on the host."""
    return (
        isinstance(value, dict)
        and set(value) == {"path", "type"}
        and isinstance(value["path"], str)
        and KEY_PATH.match(value["path"]) is not None
        and value["type"] in ("ed25519", "rsa")
    )


def _host(data, name, raw):
    """The minion's own mapping. Raises _Unsound."""
    digest = hashlib.sha256(raw).hexdigest()
    path = os.path.join(data, "hosts", digest[:2], digest + ".json")
    try:
        document = _load(path)
    except FileNotFoundError:
        raise _Unsound(
            "Brinicle has compiled nothing for this minion: neither the mine nor the lock named it at "
            "the last compile, or its ID is refused. If it is new, applying "
            "the states publishes its key: take the mine, run 'brinicle compile', apply again. 'brinicle explain "
            "HOST' says more."
        ) from None
    if not isinstance(document.get("minion"), str) or not isinstance(document.get("brinicle"), dict):
        raise _Unsound(
            "{} has not the shape that Brinicle writes ('minion', 'brinicle'). {}, and do not edit it.".format(
                _shown(path), COMPILE
            )
        )
    if document["minion"] != name:
        # The other minion's name stays in the master's log: this one has no business knowing it.
        log.error("brinicle: %s names the minion %r", path, document["minion"])
        raise _Unsound(
            "{} was compiled for another minion, so it is not given out. Somebody copied or renamed it. "
            "{}.".format(_shown(path), COMPILE)
        )
    return document["brinicle"]


def _with_recipients(brinicle, recipients):
    """A minion's mapping with the recipients' keys in place of their names. Raises _Unsound."""
    seal = brinicle
    for key in ("host", "snap", "seal"):
        seal = seal.get(key) if isinstance(seal, dict) else None
    names = seal.get("recipients") if isinstance(seal, dict) else None
    if not isinstance(names, list):
        return brinicle
    if not all(isinstance(name, str) and isinstance(recipients.get(name), str) for name in names):
        raise _Unsound(
            "The compiled data of this minion names a recipient that defaults.json has not, so the two are of "
            "different compiles. {}.".format(COMPILE)
        )
    seal["recipients"] = [recipients[name] for name in names]
    return brinicle


def _load(path):
    """The mapping in a compiled file of our format. Raises _Unsound, FileNotFoundError."""
    raw = _read(path)
    try:
        document = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        raise _Unsound(
            "{} is not JSON: it is half-written or damaged. {}.".format(_shown(path), COMPILE)
        ) from None
    if not isinstance(document, dict):
        raise _Unsound("{} holds no JSON object. {}.".format(_shown(path), COMPILE))
    found = document.get("format")
    if isinstance(found, bool) or not isinstance(found, int):
        raise _Unsound(
            "{} names no format, so it has not the shape that Brinicle writes. {}.".format(_shown(path), COMPILE)
        )
    if found > FORMAT:
        raise _Unsound(
            "{} was written by a newer Brinicle (format {}; the master's module reads {}). Put the "
            "'_pillar' folder of the same output on the master.".format(_shown(path), str(found)[:20], FORMAT)
        )
    if found != FORMAT:
        raise _Unsound(
            "{} was written by another Brinicle (format {}; the master's module reads {}). {}.".format(
                _shown(path), str(found)[:20], FORMAT, COMPILE
            )
        )
    if not _is_plain(document, MAX_DEPTH):
        raise _Unsound(
            "{} has not the shape that Brinicle writes: a value in it cannot travel to a minion. {}.".format(
                _shown(path), COMPILE
            )
        )
    return document


def _read(path):
    """The bytes of a regular file of bounded size. Raises _Unsound, FileNotFoundError."""
    try:
        # Without O_NONBLOCK a named pipe would hang the master's worker.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except PermissionError:
        raise _Unsound(
            "The master may not read {}. Give the user that the master runs as the right to read it.".format(
                _shown(path)
            )
        ) from None
    except (OSError, ValueError) as problem:
        if getattr(problem, "errno", None) in (errno.ELOOP, errno.ENXIO):
            raise _Unsound("{} is not a regular file. {}.".format(_shown(path), COMPILE)) from None
        raise _Unsound("The master cannot read {}: {}. {}.".format(_shown(path), problem, COMPILE)) from None
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise _Unsound("{} is not a regular file. {}.".format(_shown(path), COMPILE))
        if about.st_size > MAX_BYTES:
            raise _Unsound("{} is larger than 1 MiB. {}.".format(_shown(path), COMPILE))
        raw = os.read(handle, about.st_size + 1)
        # Whoever appends while we read has not renamed a whole file into place.
        if len(raw) != about.st_size:
            raise _Unsound("{} is half-written. {}.".format(_shown(path), COMPILE))
        return raw
    except OSError as problem:
        raise _Unsound("The master cannot read {}: {}. {}.".format(_shown(path), problem, COMPILE)) from None
    finally:
        os.close(handle)


def _is_plain(value, depth):
    """Whether msgpack can carry a parsed value: no lone surrogate, no integer over 64 bits, no abyss."""
    if isinstance(value, str):
        return value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value)
    if isinstance(value, dict):
        return depth > 0 and all(_is_plain(k, 1) and _is_plain(v, depth - 1) for k, v in value.items())
    if isinstance(value, list):
        return depth > 0 and all(_is_plain(item, depth - 1) for item in value)
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return True


def _shown(path):
    """A path as it may stand in a pillar: what is no Unicode is written as an escape."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")
