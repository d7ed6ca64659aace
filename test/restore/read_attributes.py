"""Prints the extended attributes below a folder, one a line: path in hex, name in hex, value in base64."""

import base64
import os
import sys

root = os.fsencode(sys.argv[1])
paths = [root]
for folder, subfolders, files in os.walk(root):
    paths.extend(os.path.join(folder, name) for name in subfolders + files)
for path in paths:
    for name in os.listxattr(path, follow_symlinks=False):
        value = os.getxattr(path, name, follow_symlinks=False)
        relative = os.path.relpath(path, root)
        print(relative.hex(), os.fsencode(name).hex(), base64.b64encode(value).decode() or "-")
