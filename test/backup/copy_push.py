"""Copies the push in one jail's inbox into all others of the table, each with an ID of its own and its host's owner."""

import json
import os
import sys

FROM, TABLE = sys.argv[1], sys.argv[2]
with open(TABLE, encoding="utf8") as file:
    table = json.load(file)

names = sorted(name for name in os.listdir(os.path.join(FROM, "inbox")) if not name.startswith("."))
push = names[0].split(".")[0]
contents = {}
for name in names:
    with open(os.path.join(FROM, "inbox", name), "rb") as file:
        contents[name] = file.read()

for number, row in enumerate(table["accounts"]):
    inbox = os.path.join(table["jails"], row["account"], "inbox")
    if os.path.realpath(inbox) == os.path.realpath(os.path.join(FROM, "inbox")):
        continue
    own = f"{number:032x}"
    for name in names:
        path = os.path.join(inbox, name.replace(push, own))
        content = contents[name].replace(push.encode(), own.encode()) if name.endswith("commit") else contents[name]
        with open(path, "wb") as file:
            file.write(content)
        os.chmod(path, 0o200)
        os.chown(path, row["uid"], row["uid"])
