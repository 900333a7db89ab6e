"""Owns what a process gives up for good: new privileges, the capabilities of root, and core dumps."""

from __future__ import annotations

import ctypes
import resource
import struct

from axon_agent.libc import LIBC, checked

_NO_NEW_PRIVILEGES = 38
_CAPABILITY_VERSION = 0x20080522
_OVERRIDE_FILE_RIGHTS = 1 << 1


def give_up(*, keeps_file_rights: bool) -> None:
    """No program that is executed from here on gains anything, and root keeps its name and no powers. With
    `keeps_file_rights` it keeps that over other users' files. `OSError` where the kernel refuses.
    """
    checked(LIBC.prctl(_NO_NEW_PRIVILEGES, *(ctypes.c_ulong(each) for each in (1, 0, 0, 0))))
    header, capabilities = struct.pack("=Ii", _CAPABILITY_VERSION, 0), ctypes.create_string_buffer(24)
    checked(LIBC.capget(header, capabilities))
    permitted = struct.unpack("=6I", capabilities.raw)[1]
    kept = permitted & _OVERRIDE_FILE_RIGHTS if keeps_file_rights else 0
    checked(LIBC.capset(header, struct.pack("=6I", kept, kept, 0, 0, 0, 0)))
    # With 0 the memory would still be handed to a program that collects dumps; with 1 it is not.
    resource.setrlimit(resource.RLIMIT_CORE, (min(1, resource.getrlimit(resource.RLIMIT_CORE)[1]),) * 2)
