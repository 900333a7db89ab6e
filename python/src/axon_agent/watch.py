"""Owns the look at an agent's tree, for limits that no cgroup can hold: its processes, its tasks, its memory.

A look is late by up to its interval, and a process that its agent has sent away may be missed for a moment: this is the
second best, and `limits` says so.
"""

from __future__ import annotations

import os

from axon_agent import guard, memory

_TELLS_CHILDREN = os.path.exists(f"/proc/self/task/{os.getpid()}/children")


def tree(root: int) -> dict[int, int]:
    """How many tasks, which are threads, each process of the tree has: `root` and all below it."""
    found: dict[int, int] = {}
    waiting = [root] if _TELLS_CHILDREN else [root, *guard.descendants(root)]
    while waiting:
        pid = waiting.pop()
        try:
            threads = os.listdir(f"/proc/{pid}/task")
        except OSError:
            continue
        found[pid] = len(threads)
        for thread in threads if _TELLS_CHILDREN else []:
            try:
                with open(f"/proc/{pid}/task/{thread}/children", "rb", 0) as file:
                    waiting += [int(child) for child in file.read().split()]
            except OSError:
                continue
    return found


def is_beyond(pids: list[int], limit_bytes: int) -> bool:
    """Whether these processes hold more memory than that. What they share with others counts in part, as PSS."""
    # The cheap look first: what is resident, shared pages included, is never less.
    if sum(memory.resident_bytes(pid) or 0 for pid in pids) <= limit_bytes:
        return False
    return sum(memory.proportional_bytes(pid) or memory.resident_bytes(pid) or 0 for pid in pids) > limit_bytes


def kill(pid: int, pids: list[int]) -> None:
    """Kills an agent with its group, at once, and what is in groups of its own."""
    guard.kill_group(pid)
    for each in pids:
        if each != pid:
            guard.kill(each)
