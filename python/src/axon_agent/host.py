"""Owns the entry of a host, `python -m axon_agent.host [DIRECTORY…]`: the guard first, before anything else is loaded.

One of the directories is, or will be, that of the sockets: the guard removes it when Node is gone. What the host does
is `hosting`'s. `--again STATE` is how a host that cannot fork starts itself anew below the guard that it has.
"""

from __future__ import annotations

import os
import sys
import time

from axon_agent import guard

TYPE_CHECKING = False  # typing's own constant would load typing
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """The guard stays in here; the host goes on."""
    began = time.monotonic()
    again = sys.argv[2] if sys.argv[1:2] == ["--again"] else None
    if again is None:
        guard.fork_below(runtime=sys.argv[1:], after=_remove_cgroups)
    # The directory that the process was started in is nobody's.
    if sys.path and sys.path[0] in ("", os.getcwd()) and not getattr(sys.flags, "safe_path", False):
        del sys.path[0]

    from axon_agent import hosting  # noqa: PLC0415

    hosting.run(again, began)


def _remove_cgroups() -> None:
    # In the guard, at its end: what a host that was killed has left.
    try:
        from axon_agent import cgroups  # noqa: PLC0415

        cgroups.remove_of(os.getpid())
    except Exception as error:  # the environment may have been removed meanwhile; the guard has more to do
        os.write(2, f"cgroups may be left: {error!r}\n".encode())


if __name__ == "__main__":
    main()
