"""Owns the filter of system calls that a sandboxed agent has: for what Landlock does not see. Small on purpose.

1. No call that opens, reads, writes or runs a file is judged here: paths cannot be seen in a filter.
2. What is refused gets an error, `EACCES` or `EPERM`, and no signal: Python code meets a PermissionError. What is tried
   first and done without gets `ENOSYS`, as in a kernel that does not have it.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import socket
import struct
import sys

from axon_agent.libc import LIBC, checked

_SET_SECCOMP, _FILTER = 22, 2

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER_AT, _ARCH_AT, _FIRST_ARGUMENT_AT = 0, 4, 16

_ARCHES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_X32 = 0x40000000

# Each with its number on x86_64 and on aarch64; None where there is none.
_REFUSED = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "delete_module": (176, 106),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "init_module": (175, 105),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "mq_open": (240, 180),
    "msgget": (68, 186),
    "msgrcv": (70, 188),
    "msgsnd": (69, 189),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "setns": (308, 268),
    "shmat": (30, 196),
    "shmget": (29, 194),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
}
# io_uring opens sockets past the filter; clone3 hides its flags from it. Both have an older way that is taken instead.
_UNKNOWN = {
    "clone3": (435, 435),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
}
_CLONE = (56, 220)
_SOCKET = (41, 198)
_SOCKET_PAIR = (53, 199)
_SENDS = {"sendto": ((44, 206), 3), "sendmsg": ((46, 211), 2), "sendmmsg": ((307, 269), 3)}
"""And which argument the flags are."""

_NAMESPACES = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET."""
_FAST_OPEN = 0x20000000
"""MSG_FASTOPEN connects without Landlock being asked."""
_KIND_OF_SOCKET = 0xF
_TCP = 6


def why_not() -> str | None:
    """What keeps a filter from being set here; None where nothing does."""
    if sys.platform != "linux":
        return "not Linux"
    if platform.machine() not in _ARCHES:
        return f"no filter is known for {platform.machine()}"
    try:
        with open("/proc/sys/kernel/seccomp/actions_avail") as file:
            return None if "errno" in file.read().split() else "the kernel's seccomp has no errno"
    except OSError:
        return "the kernel has no seccomp filters"


def enforce(*, inet: bool, only_tcp: bool) -> None:
    """Filters the calling thread and all that comes of it. `inet`: sockets of the Internet can be made, `only_tcp`: for
    TCP alone. `OSError` where the kernel refuses. No new privileges must have been set.
    """
    code = _program(inet, only_tcp)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HP", len(code) // 8, ctypes.addressof(buffer))
    checked(LIBC.prctl(_SET_SECCOMP, ctypes.c_ulong(_FILTER), program, 0, 0))


def _program(inet: bool, only_tcp: bool) -> bytes:
    arch, column = _ARCHES[platform.machine()]
    lines = [
        _line(_LOAD, _ARCH_AT),
        *_unless(_JUMP_EQUAL, arch, errno.EPERM),
        _line(_LOAD, _NUMBER_AT),
        *(_when(_JUMP_AT_LEAST, _X32, errno.ENOSYS) if column == 0 else []),
    ]
    for numbers, error in ((_REFUSED, errno.EPERM), (_UNKNOWN, errno.ENOSYS)):
        for number in (each[column] for each in numbers.values()):
            if number is not None:
                lines += _when(_JUMP_EQUAL, number, error)
    lines += _of_call(_CLONE[column], [*_argument(0), *_when(_JUMP_ANY_BIT, _NAMESPACES, errno.EPERM)])
    for columns, flags in _SENDS.values():
        if only_tcp:
            lines += _of_call(columns[column], [*_argument(flags), *_when(_JUMP_ANY_BIT, _FAST_OPEN, errno.EACCES)])
    lines += _of_call(_SOCKET[column], _socket(inet, only_tcp))
    lines += _of_call(_SOCKET_PAIR[column], _socket_pair())
    return b"".join([*lines, _line(_RETURN, _ALLOW)])


def _socket(inet: bool, only_tcp: bool) -> list[bytes]:
    refuse = _line(_RETURN, _ERRNO | errno.EACCES)
    if not inet:
        return [refuse]
    if not only_tcp:
        return [*_argument(0), *_when(_JUMP_EQUAL, socket.AF_UNIX, errno.EACCES)]
    tcp = [
        *_argument(1),
        _line(_AND, _KIND_OF_SOCKET),
        *_unless(_JUMP_EQUAL, socket.SOCK_STREAM, errno.EACCES),
        *_argument(2),
        _line(_JUMP_EQUAL, 0, 2, 0),
        *_unless(_JUMP_EQUAL, _TCP, errno.EACCES),
    ]
    # Over the refusal, where it is one of the two.
    return [
        *_argument(0),
        _line(_JUMP_EQUAL, socket.AF_INET, 2, 0),
        _line(_JUMP_EQUAL, socket.AF_INET6, 1, 0),
        refuse,
        *tcp,
    ]


def _socket_pair() -> list[bytes]:
    # A datagram socket of a pair can still be sent to any address.
    return [
        *_argument(1),
        _line(_AND, _KIND_OF_SOCKET),
        *_when(_JUMP_EQUAL, socket.SOCK_DGRAM, errno.EACCES),
        *_when(_JUMP_EQUAL, socket.SOCK_RAW, errno.EACCES),
    ]


def _of_call(number: int, judged: list[bytes]) -> list[bytes]:
    """Lines for one call, which leave the accumulator as it was for all others and end this one."""
    body = [*judged, _line(_RETURN, _ALLOW)]
    return [_line(_JUMP_EQUAL, number, 0, len(body)), *body]


def _argument(index: int) -> list[bytes]:
    # The lower half: the kernel takes these as int, on machines that put it first.
    return [_line(_LOAD, _FIRST_ARGUMENT_AT + 8 * index)]


def _when(test: int, value: int, error: int) -> list[bytes]:
    return [_line(test, value, 0, 1), _line(_RETURN, _ERRNO | error)]


def _unless(test: int, value: int, error: int) -> list[bytes]:
    return [_line(test, value, 1, 0), _line(_RETURN, _ERRNO | error)]


def _line(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
