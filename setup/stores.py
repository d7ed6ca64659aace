"""Installs, into .cache/stores, servers of other people's that speak as the stores of ice do, for the tests on them."""

import importlib.util
import os
import shutil
import subprocess
import sys

from machine import install

# Exactly these: what they get wrong, the tests say by name.
WANTED = ["gcp-storage-emulator==2026.7.19", "moto[s3]==5.2.5", "flask==3.*", "flask-cors==6.*"]
REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(REPOSITORY, ".cache", "stores")
STAMP = os.path.join(FOLDER, "installed")


def installed():
    try:
        with open(STAMP, encoding="utf-8") as file:
            return file.read().splitlines() == WANTED
    except FileNotFoundError:
        return False


def main():
    if installed():
        return
    shutil.rmtree(FOLDER, ignore_errors=True)
    if importlib.util.find_spec("ensurepip") is None:
        install(["python3-venv"])
    print(f"setup: installing {' '.join(WANTED)}", file=sys.stderr)
    try:
        subprocess.run([sys.executable, "-m", "venv", FOLDER], check=True, stdout=sys.stderr)
        python = os.path.join(FOLDER, "bin", "python3")
        pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "-q", *WANTED]
        subprocess.run(pip, check=True, stdout=sys.stderr)
    except subprocess.CalledProcessError as error:
        # The tests on them skip themselves then, and fail in CI.
        print(f"setup: no independent stores: {error}", file=sys.stderr)
        return
    with open(STAMP, "w", encoding="utf-8") as file:
        file.write("\n".join(WANTED))


if __name__ == "__main__":
    main()
