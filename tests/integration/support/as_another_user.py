"""Runs a program as another user, and with --unit=FILE under the mask and the filter of system calls that a unit of systemd has.

    as_another_user.py UID GROUPS [--unit=FILE] PROGRAM [ARGUMENTS]

Only root can. Of the filter that is what keeps a service from giving files away: @chown, which is a part of @privileged.
"""

import ctypes
import errno
import os
import platform
import struct
import sys

CHOWN = {"x86_64": (92, 93, 94, 260), "aarch64": (54, 55)}
LOAD_SYSTEM_CALL, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, FAIL, KILL = 0x7FFF0000, 0x00050000, 0x80000000
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2


class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def settings(unit):
    """The settings of a unit, each with all of its values."""
    found = {}
    with open(unit, encoding="utf-8") as lines:
        for name, equals, value in (line.strip().partition("=") for line in lines if not line.startswith("#")):
            if equals:
                found.setdefault(name, []).append(value)
    return found


def install_filter(action):
    """Has the kernel answer the system calls in CHOWN by this action."""
    calls = CHOWN[platform.machine()]
    code = [(LOAD_SYSTEM_CALL, 0, 0, 0)]
    code += [(JUMP_IF_EQUAL, len(calls) - index, 0, call) for index, call in enumerate(calls)]
    code += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, action)]
    text = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *instruction) for instruction in code))
    program = Program(len(code), ctypes.cast(text, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0):
        if libc.prctl(*arguments) != 0:
            sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")


def main(user, groups, *command):
    unit = {}
    if command[0].startswith("--unit="):
        unit = settings(command[0].removeprefix("--unit="))
        command = command[1:]
    # Opened here: the other user may not be able to reach it.
    program = os.open(command[0], os.O_RDONLY)
    os.umask(int(unit.get("UMask", ["022"])[-1], 8))
    os.setgroups([int(group) for group in groups.split(",") if group])
    os.setresgid(int(user), int(user), int(user))
    os.setresuid(int(user), int(user), int(user))
    if any(value.startswith("~") and "@privileged" in value[1:].split() for value in unit.get("SystemCallFilter", [])):
        number = unit.get("SystemCallErrorNumber")
        install_filter(FAIL | getattr(errno, number[-1]) if number else KILL)
    elif unit:
        sys.exit("the unit does not filter @privileged")
    os.execve(program, command, os.environ)


main(*sys.argv[1:])
