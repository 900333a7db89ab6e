"""Owns the calls to Landlock, the kernel's sandbox that needs no privilege. Which rights an agent has is `sandbox`'s.

1. A right that the kernel does not know is left out of what is asked: `abi` says which those are.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
import sys

from axon_agent.libc import LIBC, checked

EXECUTE = 1 << 0
WRITE_FILE = 1 << 1
READ_FILE = 1 << 2
READ_DIR = 1 << 3
_REMOVE_DIR = 1 << 4
_REMOVE_FILE = 1 << 5
_MAKE_CHAR = 1 << 6
_MAKE_DIR = 1 << 7
_MAKE_REG = 1 << 8
_MAKE_SOCK = 1 << 9
_MAKE_FIFO = 1 << 10
_MAKE_BLOCK = 1 << 11
_MAKE_SYM = 1 << 12
_REFER = 1 << 13
_TRUNCATE = 1 << 14
_IOCTL_DEV = 1 << 15

READ = READ_FILE | READ_DIR
WRITE = (
    READ
    | WRITE_FILE
    | _REMOVE_DIR
    | _REMOVE_FILE
    | _MAKE_DIR
    | _MAKE_REG
    | _MAKE_SOCK
    | _MAKE_FIFO
    | _MAKE_SYM
    | _REFER
    | _TRUNCATE
)
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | _TRUNCATE | _IOCTL_DEV
_ALL = WRITE | EXECUTE | _MAKE_CHAR | _MAKE_BLOCK | _IOCTL_DEV

ABI_TRUNCATE = 3
ABI_NET = 4
ABI_SCOPES = 6
_SINCE = {_REFER: 2, _TRUNCATE: ABI_TRUNCATE, _IOCTL_DEV: 5}

_BIND_TCP, _CONNECT_TCP = 1 << 0, 1 << 1
_ABSTRACT_SOCKETS, _SIGNALS = 1 << 0, 1 << 1

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_BENEATH_PATH, _NET_PORT = 1, 2


def abi() -> int:
    """Which version of Landlock this kernel has; 0 for none."""
    if sys.platform != "linux":
        return 0
    try:
        return _call(_CREATE_RULESET, None, 0, _VERSION)
    except OSError:
        return 0


class Ruleset:
    """What a process may do; everything else of these kinds is refused, once it is `enforce`d."""

    def __init__(self, *, version: int, files: bool, tcp: bool) -> None:
        self._handled = _ALL if files else 0
        for right, since in _SINCE.items():
            if version < since:
                self._handled &= ~right
        net = _BIND_TCP | _CONNECT_TCP if tcp and version >= ABI_NET else 0
        scopes = _ABSTRACT_SOCKETS | _SIGNALS if version >= ABI_SCOPES else 0
        attributes = struct.pack("=QQQ", self._handled, net, scopes)
        self._descriptor = _call(_CREATE_RULESET, attributes, len(attributes), 0)

    def allow_path(self, path: str, rights: int) -> None:
        """Permits what `rights` say on a file, or on all below a directory; `OSError` where it is not there."""
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            wanted = rights & self._handled
            if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
                wanted &= _OF_FILES
            if wanted:
                _call(_ADD_RULE, self._descriptor, _BENEATH_PATH, struct.pack("=Qi", wanted, descriptor), 0)
        finally:
            os.close(descriptor)

    def allow_connect(self, port: int) -> None:
        """Permits TCP connections to that port, of any host."""
        _call(_ADD_RULE, self._descriptor, _NET_PORT, struct.pack("=QQ", _CONNECT_TCP, port), 0)

    def enforce(self) -> None:
        """Puts the calling thread, and all that comes of it, under these rules for ever."""
        try:
            _call(_RESTRICT_SELF, self._descriptor, 0)
        finally:
            os.close(self._descriptor)


def _call(number: int, *arguments: int | bytes | None) -> int:
    wide = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    return checked(LIBC.syscall(ctypes.c_long(number), *wide))
