"""The request of a run: what is valid comes through unchanged, what is not is refused with the right status."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_agent.errors import RunError
from axon_agent.request import MAX_DEPTH, is_deeper, parse_head, parse_request

text = st.text(st.characters(codec="utf-8"), max_size=20)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=10,
)
parts = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": text}),
    st.fixed_dictionaries({"type": st.just("file"), "media_type": text, "url": text}),
    st.fixed_dictionaries({"type": st.just("file"), "media_type": text, "data": text}),
)
requests = st.fixed_dictionaries(
    {"prompt": text | st.lists(parts, min_size=1, max_size=3)},
    optional={
        "message_history": st.lists(values, max_size=3),
        "model": text,
        "deps": values,
        "usage_limits": st.dictionaries(text, numbers | st.none(), max_size=3),
        "metadata": st.dictionaries(text, values, max_size=3),
    },
)


@given(requests, st.booleans())
def test_a_request_is_read_as_it_was_written(request: dict[str, Any], ascii_only: bool) -> None:
    assert parse_request(json.dumps(request, ensure_ascii=ascii_only).encode()) == request


@given(st.binary())
def test_any_body_is_a_request_or_refused(body: bytes) -> None:
    try:
        parse_request(body)
    except RunError as error:
        assert (error.code, error.status) in {("RUN_REQUEST_INVALID", 400), ("RUN_REQUEST_INVALID", 422)}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"prompt":NaN}',
        b'{"prompt":"a","deps":Infinity}',
        b'{"prompt":"a","deps":-Infinity}',
        b'{"prompt":"\\ud800"}',
        b'{"prompt":"\xff"}',
        b'{"prompt":"a"} x',
        b'{"prompt":"a","deps":%s}' % (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH),
        b'{"prompt":"a","deps":%s}' % (b"[" * 100_000 + b"]" * 100_000),
        b'{"prompt":"a","deps":%s1%s}' % (b'{"a":' * MAX_DEPTH, b"}" * MAX_DEPTH),
    ],
)
def test_what_is_not_json_is_400(body: bytes) -> None:
    with pytest.raises(RunError) as caught:
        parse_request(body)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("[]", "dictionary"),
        ("{}", "prompt"),
        ('{"prompt":7}', "prompt"),
        ('{"prompt":[]}', "prompt"),
        ('{"prompt":[7]}', "prompt.0"),
        ('{"prompt":[{"type":"text"}]}', "prompt.0.text"),
        ('{"prompt":[{"type":"text","text":"a"},{"type":"file","media_type":"a","url":7}]}', "prompt.1.url"),
        ('{"prompt":[{"type":"file","media_type":"a","url":"u","data":"d"}]}', "prompt.0.data"),
        ('{"prompt":[{"type":"file","media_type":"a"}]}', "prompt.0.url"),
        ('{"prompt":"a","model":7}', "model"),
        ('{"prompt":"a","message_history":{}}', "message_history"),
        ('{"prompt":"a","usage_limits":{"request_limit":true}}', "usage_limits.request_limit"),
        ('{"prompt":"a","metadata":[]}', "metadata"),
        ('{"prompt":"a","promt":"b"}', "promt"),
    ],
)
def test_json_that_is_no_request_is_422_and_names_the_field(body: str, field: str) -> None:
    with pytest.raises(RunError, match=field) as caught:
        parse_request(body.encode())
    assert caught.value.status == 422


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max((_depth(inner) for inner in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((_depth(inner) for inner in value), default=0)
    return 0


@given(values, st.integers(0, 6))
def test_depth_is_measured_outside_of_strings(value: Any, limit: int) -> None:
    assert is_deeper(json.dumps(value).encode(), limit) == (_depth(value) > limit)


def test_brackets_in_text_are_no_depth() -> None:
    assert parse_request(json.dumps({"prompt": '[{"\\' * 500}).encode())["prompt"] == '[{"\\' * 500


def test_headers_are_read_and_checked() -> None:
    head = parse_head(b"0b6ab3f4-1", b"2", b"1500.5")
    assert (head.run, head.attempt, head.deadline_ms) == ("0b6ab3f4-1", 2, 1500.5)
    assert parse_head(b"r", b"", b"").deadline_ms is None
    for run, attempt, deadline, name in [
        (b'r"', b"1", b"", "x-axon-run"),
        (b"r\xff", b"1", b"", "x-axon-run"),
        (b"r" * 300, b"1", b"", "x-axon-run"),
        (b"r", b"-1", b"", "x-axon-attempt"),
        (b"r", b"1", b"soon", "x-axon-deadline-ms"),
        (b"r", b"1", b"nan", "x-axon-deadline-ms"),
    ]:
        with pytest.raises(RunError, match=name) as caught:
            parse_head(run, attempt, deadline)
        assert caught.value.status == 400
    assert parse_head(b"r", b"", b"", b"20").begin_ms == 20
    with pytest.raises(RunError, match="x-axon-begin-ms"):
        parse_head(b"r", b"", b"", b"inf")
