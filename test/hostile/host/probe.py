"""Tries by system calls what Node has no call for, from inside the ingest's sandbox. Prints JSON."""
import ctypes
import json
import os
import socket

libc = ctypes.CDLL(None, use_errno=True)
found = {}


def call(name, *arguments):
    ctypes.set_errno(0)
    result = libc[name](*arguments)
    found[name] = "done" if result >= 0 else os.strerror(ctypes.get_errno())


def attempt(name, work):
    try:
        work()
        found[name] = "done"
    except OSError as error:
        found[name] = error.strerror


PTRACE_ATTACH = 16
call("ptrace", PTRACE_ATTACH, 1, 0, 0)
call("setuid", 0)
call("setgid", 0)
call("setresuid", 0, 0, 0)
call("chroot", b"/tmp")
call("mount", b"none", b"/tmp", b"tmpfs", 0, 0)
call("umount2", b"/proc", 2)
call("mknod", b"device", 0o060600, 0x0801)
call("sethostname", b"x", 1)
call("reboot", 0)
call("unshare", 0x40000000)
call("init_module", b"", 0, b"")
call("kill", 1, 9)
attempt("a socket to sshd", lambda: socket.create_connection(("127.0.0.1", 22), 2))
attempt("a socket to another machine", lambda: socket.create_connection(("192.0.2.1", 80), 2))
attempt("a raw socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
attempt("a packet socket", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
for path in ["/run/systemd/private", "/run/dbus/system_bus_socket", "/dev/log"]:
    attempt(path, lambda: socket.socket(socket.AF_UNIX).connect(path))
found["interfaces"] = ",".join(name for _, name in socket.if_nameindex())
attempt("a file of mode 4755", lambda: os.chmod(os.open("setuid", os.O_CREAT | os.O_WRONLY), 0o4755))
found["setuid runs"] = os.popen("cp /usr/bin/id setuid && ./setuid -u 2>&1").read().strip() or "nothing"
os.remove("setuid")
for program in ["su -c id", "sudo -n id", "passwd -d root", "newgrp root", "mount /tmp", "chsh -s /bin/sh"]:
    found[program] = os.popen(program + " < /dev/null 2>&1; echo $?").read().strip().splitlines()[-1]
print(json.dumps(found))
