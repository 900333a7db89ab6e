"""Runs a command in a pseudo-terminal: `pseudo_terminal.py COLUMNS ROWS COMMAND…`. Standard input takes one JSON object a line,
`{"keys": "…"}` or `{"resize": [columns, rows]}`; standard output is what the command writes; the exit code is the command's, 128 + n
after signal n. When standard input ends, the terminal is closed, and what does not end of that is killed.

It is not called pty.py, which would hide the module `pty` from itself.
"""

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios

_PATIENCE_S = 20


def main() -> int:
    columns, rows, *command = sys.argv[1:]
    pid, terminal = pty.fork()
    if pid == 0:
        _resize(0, int(columns), int(rows))
        try:
            os.execvp(command[0], command)
        finally:
            os._exit(127)
    is_left = _serve(terminal)
    # The kernel hangs up: it sends SIGHUP to the command, which leads the terminal's session.
    os.close(terminal)
    if not is_left:
        _limit_patience(pid)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return status if status >= 0 else 128 - status


def _serve(terminal: int) -> bool:
    """Until nobody has the terminal open any more, or, which is False, Node is gone."""
    pending = b""
    while True:
        readable, _, _ = select.select([terminal, 0], [], [])
        if terminal in readable:
            try:
                data = os.read(terminal, 65536)
            except OSError:  # EIO: nobody has it open
                return True
            if not data:
                return True
            _write(1, data)
        if 0 in readable:
            data = os.read(0, 65536)
            if not data:
                return False
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                _obey(terminal, json.loads(line))


def _obey(terminal: int, order: dict) -> None:
    if "keys" in order:
        _write(terminal, order["keys"].encode())
    if "resize" in order:
        _resize(terminal, *order["resize"])


def _resize(terminal: int, columns: int, rows: int) -> None:
    # The kernel tells the foreground processes by SIGWINCH.
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _limit_patience(pid: int) -> None:
    def kill(*_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)

    signal.signal(signal.SIGALRM, kill)
    signal.alarm(_PATIENCE_S)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
