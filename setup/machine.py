"""Installs what the tests on real parts need and a plain Debian or Ubuntu may lack: debootstrap and its like."""

import os
import shutil
import subprocess
import sys

# Program that must be found -> package that brings it.
NEEDED = {
    "debootstrap": "debootstrap",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "flock": "util-linux",
    "mount": "mount",
    "git": "git",
    # The independent judge of recipients: what is encrypted to them, it must decrypt.
    "gpg": "gpg",
    "gpgconf": "gpgconf",
    "gpg-agent": "gpg-agent",
    # What restores are made with, and compared by.
    "bsdtar": "libarchive-tools",
    "setfattr": "attr",
    "setfacl": "acl",
    "rsync": "rsync",
    "mksquashfs": "squashfs-tools",
}

SEARCH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def missing_packages():
    packages = {package for program, package in NEEDED.items() if not shutil.which(program, path=SEARCH)}
    if not os.path.exists("/etc/ssl/certs/ca-certificates.crt"):
        packages.add("ca-certificates")
    return sorted(packages)


def apt_get(*arguments):
    """Runs apt-get quietly; its output is shown only when it fails."""
    done = subprocess.run(
        ["apt-get", "-qq", *arguments],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"setup: apt-get {' '.join(arguments)} failed:\n{done.stdout}")


def install(packages):
    if not packages:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        # The tests on real parts skip themselves then, and fail in CI.
        print(f"setup: not installed, for want of root or apt-get: {' '.join(packages)}", file=sys.stderr)
        return
    print(f"setup: installing {' '.join(packages)}", file=sys.stderr)
    apt_get("update")
    apt_get("install", "-y", "--no-install-recommends", *packages)


if __name__ == "__main__":
    install(missing_packages())
