"""Owns how much memory a process holds, as the kernel tells it. What follows from it belongs to those who ask."""

from __future__ import annotations

import os

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def resident_bytes(pid: int | str = "self") -> int | None:
    """What is resident, shared pages included; None where it cannot be told: no /proc, or the process has ended."""
    try:
        with open(f"/proc/{pid}/statm", "rb", 0) as file:
            return int(file.read().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):
        return None


def proportional_bytes(pid: int | str = "self") -> int | None:
    """Its share, where what is shared is divided (PSS); None where it cannot be told, as of another user's process."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb", 0) as file:
            return 1024 * int(file.read().partition(b"Pss:")[2].split(None, 1)[0])
    except (OSError, ValueError, IndexError):
        return None
