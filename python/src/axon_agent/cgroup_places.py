"""Owns where this process may have cgroups made: which are mounted, in v2 or v1, which it is in or was given.

What is made there is `cgroups`'s. Standard library only and little of it: the guard loads this at its end.

1. The place is below the cgroup that this process is in. Beside it only where the cgroup around both was given to us:
   nothing leaves the bounds that somebody has put around Node.
"""

from __future__ import annotations

import os


class CgroupError(Exception):
    """There is no place for a cgroup."""


def find(controller: str, proc: str = "/proc/self") -> str:
    """The directory below which this process may make cgroups with that controller; `CgroupError` saying why none."""
    found = hierarchies(proc)
    reasons = []
    if "" in found:
        own, top = found[""]
        for directory in _given(own, top):
            if _hands_on(directory, controller):
                return directory
        reasons.append(f"{own} does not hand on the {controller} controller")
    if controller in found:
        own, _ = found[controller]
        if os.access(own, os.W_OK):
            return own
        reasons.append(f"{own} is not writable")
    raise CgroupError("; ".join(reasons) or f"there is no cgroup with the {controller} controller")


def hierarchies(proc: str = "/proc/self") -> dict[str, tuple[str, str]]:
    """By controller, and "" for v2: the directory of the cgroup that this process is in, and the topmost in sight."""
    paths: dict[str, str] = {}
    for line in read(f"{proc}/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        paths.update(dict.fromkeys(names.split(","), path))
    found: dict[str, tuple[str, str]] = {}
    for line in read(f"{proc}/mountinfo").splitlines():
        head, _, tail = line.partition(" - ")
        kind, _, options = [*tail.split(" ", 2), "", ""][:3]
        for name in [""] if kind == "cgroup2" else options.split(",") if kind == "cgroup" else []:
            root, top = (_unescaped(field) for field in head.split(" ")[3:5])
            below = _below(paths.get(name), root)
            if below is not None and name not in found and os.path.isdir(top + below):
                found[name] = (top + below, top)
    return found


def write(path: str, value: str) -> None:
    """Writes one of the kernel's files; `OSError` when the kernel refuses."""
    descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
    try:
        os.write(descriptor, value.encode())
    except OSError as error:
        error.filename = path
        raise
    finally:
        os.close(descriptor)


def read(path: str) -> str:
    """What one of the kernel's files says; empty where there is none."""
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def _given(own: str, top: str) -> list[str]:
    # The cgroup that a process is in cannot be divided in v2, but for the machine's root. A service that may divide its
    # cgroup is therefore started in one of its own below it.
    parent = os.path.dirname(own)
    if own == top:
        return [own]
    is_given = os.geteuid() != 0 or parent == top or _is_delegated(parent)
    return [own, parent] if is_given else [own]


def _is_delegated(directory: str) -> bool:
    # What systemd leaves on a cgroup with Delegate=yes. Root may write anywhere, which says nothing.
    for name in ("user.delegate", "trusted.delegate"):
        try:
            if os.getxattr(directory, name) == b"1":
                return True
        except (OSError, AttributeError):
            continue
    return False


def _hands_on(directory: str, controller: str) -> bool:
    if not all(os.access(path, os.W_OK) for path in (directory, f"{directory}/cgroup.procs")):
        return False
    if controller in read(f"{directory}/cgroup.subtree_control").split():
        return True
    if controller not in read(f"{directory}/cgroup.controllers").split():
        return False
    try:
        write(f"{directory}/cgroup.subtree_control", f"+{controller}")
    except OSError:
        return False  # it has processes
    return True


def _below(path: str | None, root: str) -> str | None:
    """The path of a cgroup from the root of a mount that may show a part of the hierarchy only; None if not in it."""
    if path is None or ".." in path.split("/"):
        return None
    if root != "/":
        if path != root and not path.startswith(f"{root}/"):
            return None
        path = path[len(root) :]
    return "" if path == "/" else path


def _unescaped(field: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, character)
    return field
