"""Frames: any cut of the bytes gives the same frames, and what is no frame is refused."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_agent.protocol import (
    MAX_FRAME_BYTES,
    FrameError,
    FrameSplitter,
    decode_frame,
    encode_frame,
    read_bootstrap,
    read_launch,
)

text = st.text(st.characters(codec="utf-8"))
frames = st.dictionaries(text, text | st.integers() | st.booleans() | st.none()).map(lambda d: {**d, "type": "x"})
LAUNCH: dict[str, Any] = {
    "type": "launch",
    "token": "t",
    "agent": "writer",
    "module": "mod",
    "model": None,
    "cwd": "/",
    "endpoint": {"kind": "tcp", "host": "127.0.0.1", "port": 0},
    "shutdownMs": 5000,
    "heartbeatMs": 2000,
}


@given(st.lists(frames), st.data())
def test_frames_survive_any_cut(sent: list[dict[str, Any]], data: st.DataObject) -> None:
    whole = b"".join(encode_frame(frame) for frame in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=10)))
    splitter = FrameSplitter()
    lines: list[bytes] = []
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        lines += splitter.feed(whole[start:end])
    assert [decode_frame(line) for line in lines] == sent


@given(st.binary())
def test_any_line_is_a_frame_or_refused(line: bytes) -> None:
    with contextlib.suppress(FrameError):
        assert isinstance(decode_frame(line)["type"], str)


@pytest.mark.parametrize("line", [b"", b"[]", b"7", b'{"type":1}', b'{"type":"x","a":NaN}', b'{"a":', b"[" * 100_000])
def test_what_is_no_frame_is_refused(line: bytes) -> None:
    with pytest.raises(FrameError):
        decode_frame(line)


def test_a_frame_is_one_mebibyte_at_most() -> None:
    room = MAX_FRAME_BYTES - len(encode_frame({"type": "x", "a": ""}))
    assert len(encode_frame({"type": "x", "a": "a" * room})) == MAX_FRAME_BYTES
    with pytest.raises(FrameError):
        encode_frame({"type": "x", "a": "a" * (room + 1)})
    FrameSplitter().feed(b"a" * (MAX_FRAME_BYTES - 1) + b"\n")
    for data in (b"a" * MAX_FRAME_BYTES, b"a" * MAX_FRAME_BYTES + b"\n"):
        with pytest.raises(FrameError):
            FrameSplitter().feed(data)


def test_a_launch_frame_is_read() -> None:
    launch = read_launch({**LAUNCH, "future": 1})
    assert (launch.agent, launch.model, launch.endpoint.kind, launch.shutdown_ms) == ("writer", None, "tcp", 5000)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("type", "drain"),
        ("token", ""),
        ("module", 7),
        ("model", 7),
        ("shutdownMs", -1),
        ("heartbeatMs", "1"),
        ("endpoint", None),
        ("endpoint", {"kind": "tcp", "host": "0.0.0.0", "port": 1}),
        ("endpoint", {"kind": "tcp", "host": "127.0.0.1", "port": 70_000}),
        ("endpoint", {"kind": "unix", "path": ""}),
    ],
)
def test_a_wrong_launch_frame_names_its_field(field: str, value: Any) -> None:
    with pytest.raises(FrameError, match="launch" if field == "type" else field):
        read_launch({**LAUNCH, field: value})


def test_the_bootstrap_line_is_read() -> None:
    line = {"protocol": 1, "socket": "/s", "generation": "writer/0#3", "nonce": "ab"}
    assert read_bootstrap(json.dumps(line).encode()).generation == "writer/0#3"
    for broken in (b"", b"7", b"{}", b'{"protocol":"1","socket":"/s","generation":"g","nonce":"n"}'):
        with pytest.raises(FrameError):
            read_bootstrap(broken)
