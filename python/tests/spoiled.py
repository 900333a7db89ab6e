"""Owns frames that are none: random bytes, and frames of Node's that were spoiled in one way or another."""

from __future__ import annotations

import json
import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

EXAMPLES = 10_000 if os.environ.get("FAULTS_PROFILE") == "full" else 200
"""How many inputs a property is tried with: the whole by hand, what there is time for whenever the tests run."""

thorough = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))

# Numbers that JSON can write and Python's clocks and C cannot hold; text that UTF-8 cannot.
_numbers = st.integers() | st.sampled_from([10**400, -(10**400), 2**63, 1e308]) | st.floats(allow_nan=False)
_text = st.text() | st.sampled_from(["\ud800", "\0", "../../x", '"', "\n", "a/0#1", "r-1"])
values = st.recursive(
    st.none() | st.booleans() | _numbers | _text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_text, inner, max_size=4),
    max_leaves=8,
)


@st.composite
def spoiled(draw: st.DrawFn, *good: dict[str, Any]) -> dict[str, Any]:
    """One of these frames, in which some fields have any value, or are not there."""
    frame = dict(draw(st.sampled_from(good)))
    for key in draw(st.lists(st.sampled_from(sorted(frame)), max_size=3)):
        if draw(st.booleans()):
            frame[key] = draw(values)
        else:
            frame.pop(key, None)
    return frame


@st.composite
def lines(draw: st.DrawFn, *good: dict[str, Any]) -> bytes:
    """A line without its newline: random bytes, or one of these frames with other fields, other bytes, or cut off."""
    if draw(st.integers(0, 4)) == 0:
        return draw(st.binary(max_size=200)).replace(b"\n", b"")
    whole = bytearray(wire(draw(spoiled(*good))))
    for at, byte in draw(st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), max_size=3)):
        whole[at] = byte
    return bytes(whole[: draw(st.none() | st.integers(0, len(whole)))]).replace(b"\n", b"")


def wire(frame: dict[str, Any]) -> bytes:
    """As `JSON.stringify` writes it, infinities as numbers that are too large."""
    return json.dumps(frame).replace("Infinity", "1e999").encode()
