"""
Brinicle's master_tops module: assigns the SLS ``brinicle`` to every minion that is compiled, without a top file.

Configured on the master as::

    master_tops:
      brinicle:
        data: /srv/brinicle/out/pillar
        saltenv: base
"""

import hashlib
import logging
import os
import stat

log = logging.getLogger(__name__)

__virtualname__ = "brinicle"


def __virtual__():
    """Loaded only where the master's configuration names it."""
    if "brinicle" in (__opts__.get("master_tops") or {}):
        return __virtualname__
    return False


def top(**kwargs):
    """
    Returns ``{saltenv: ["brinicle"]}`` for a minion with a compiled host file, else ``{}``.

    kwargs
        As Salt gives them; ``opts["id"]`` is the minion's ID.

    Raises nothing: an exception here would take every minion's highstate along.
    """
    try:
        settings = __opts__["master_tops"]["brinicle"]
        if isinstance(settings, str):
            settings = {"data": settings}
        minion_id = kwargs["opts"]["id"]
        digest = hashlib.sha256(minion_id.encode("utf-8", "surrogatepass")).hexdigest()
        path = os.path.join(settings["data"], "hosts", digest[:2], digest + ".json")
        try:
            found = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        # Whether the file is sound is the pillar's to say: the minion is to fail, not to be passed over.
        return {str(settings.get("saltenv") or "base"): ["brinicle"]} if stat.S_ISREG(found.st_mode) else {}
    except Exception:  # pylint: disable=broad-except
        log.exception("brinicle: master_tops assigns nothing")
        return {}
