"""Owns the request of a run: its shape, its headers, and how strictly they are read.

The same shape stands in `src/protocol/run.ts`.

1. NaN, lone surrogates and nesting deeper than `MAX_DEPTH` are no JSON (400).
2. JSON that is no request names its field (422).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, TypeAdapter, ValidationError, with_config
from pydantic_core import from_json
from typing_extensions import NotRequired, TypedDict

from axon_agent.errors import RunError
from axon_agent.protocol import ATTEMPT_HEADER, BEGIN_HEADER, DEADLINE_HEADER, LONGEST_MS, RUN_HEADER, RUN_ID

MAX_DEPTH = 64

_BEYOND_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[^\[\]{}"]+')
_STRICT = ConfigDict(extra="forbid", strict=True)


@with_config(_STRICT)
class TextPart(TypedDict):
    type: Literal["text"]
    text: str


@with_config(_STRICT)
class FileUrl(TypedDict):
    type: Literal["file"]
    media_type: str
    url: str


@with_config(_STRICT)
class FileData(TypedDict):
    type: Literal["file"]
    media_type: str
    data: str


Part = TextPart | FileUrl | FileData


def _part_tag(part: Any) -> str | None:
    if not isinstance(part, dict):
        return None
    match part.get("type"):
        case "text":
            return "<text>"
        case "file":
            return "<data>" if "data" in part and "url" not in part else "<url>"
    return None


def _prompt_tag(prompt: Any) -> str | None:
    return "<plain>" if isinstance(prompt, str) else "<parts>" if isinstance(prompt, list) else None


_Part = Annotated[
    Annotated[TextPart, Tag("<text>")] | Annotated[FileUrl, Tag("<url>")] | Annotated[FileData, Tag("<data>")],
    Discriminator(
        _part_tag,
        custom_error_type="part",
        custom_error_message="Input should be {type:'text',text} or {type:'file',media_type,url|data}",
    ),
]
_Parts = Annotated[list[_Part], Field(min_length=1)]
_Prompt = Annotated[
    Annotated[str, Tag("<plain>")] | Annotated[_Parts, Tag("<parts>")],
    Discriminator(
        _prompt_tag, custom_error_type="prompt", custom_error_message="Input should be text or an array of parts"
    ),
]


@with_config(_STRICT)
class RunRequest(TypedDict):
    """The body of `run_sync` and `run_stream`."""

    prompt: _Prompt
    message_history: NotRequired[list[Any]]
    model: NotRequired[str]
    deps: NotRequired[Any]
    usage_limits: NotRequired[dict[str, int | float | None]]
    metadata: NotRequired[dict[str, Any]]


run_request = TypeAdapter(RunRequest)


def parse_request(body: bytes) -> RunRequest:
    """The request in a body; `RunError` 400 when it is no JSON, 422 when it is no request."""
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise RunError("RUN_REQUEST_INVALID", f"The request is not JSON: {error}.", status=400) from error
    if is_deeper(body, MAX_DEPTH):
        raise RunError("RUN_REQUEST_INVALID", f"The request is nested deeper than {MAX_DEPTH}.", status=400)
    try:
        return run_request.validate_python(value)
    except ValidationError as error:
        raise RunError("RUN_REQUEST_INVALID", f"The request is invalid: {explain(error)}.") from error


def is_deeper(body: bytes, depth: int) -> bool:
    """Whether valid JSON is nested deeper than `depth`."""
    if body.count(b"[") + body.count(b"{") <= depth:
        return False
    level = 0
    for bracket in _BEYOND_BRACKETS.sub(b"", body):
        level += 1 if bracket in b"[{" else -1
        if level > depth:
            return True
    return False


def explain(error: ValidationError, field: str = "") -> str:
    """What is wrong in words that name the field: `prompt.0.text: Input should be a valid string`."""
    told = []
    for one in error.errors(include_url=False, include_context=False, include_input=False)[:3]:
        path = [str(step) for step in one["loc"] if not str(step).startswith("<")]
        where = ".".join(([field] if field else []) + path)
        told.append(f"{where}: {one['msg']}" if where else one["msg"])
    return "; ".join(told)


@dataclass(frozen=True)
class RunHead:
    """The headers of a run. `deadline_ms` is the time left, None for no limit; after `begin_ms` its answer begins."""

    run: str
    attempt: int
    deadline_ms: float | None
    begin_ms: float | None


def parse_head(run: bytes, attempt: bytes, deadline: bytes, begin: bytes = b"") -> RunHead:
    """The headers of a run; `RunError` 400 naming the header that is wrong."""
    try:
        name = run.decode("ascii")
        if not RUN_ID.fullmatch(name):
            raise ValueError(name)
    except ValueError:
        raise _bad_header(RUN_HEADER, "a run id") from None
    if attempt and not attempt.isdigit():
        raise _bad_header(ATTEMPT_HEADER, "a number")
    left = _milliseconds(DEADLINE_HEADER, deadline)
    return RunHead(name, int(attempt or b"1"), left, _milliseconds(BEGIN_HEADER, begin))


def _milliseconds(header: bytes, given: bytes) -> float | None:
    """At most `LONGEST_MS`; None where the header is not given."""
    if not given:
        return None
    try:
        wanted = float(given)
    except ValueError:
        raise _bad_header(header, "a number of milliseconds") from None
    if wanted != wanted or wanted in (float("inf"), float("-inf")):
        raise _bad_header(header, "a number of milliseconds")
    return min(wanted, LONGEST_MS)


def _bad_header(name: bytes, wanted: str) -> RunError:
    return RunError("RUN_REQUEST_INVALID", f"Header {name.decode()} is not {wanted}.", status=400)


def request_schema() -> dict[str, Any]:
    """The JSON Schema of the request."""
    return run_request.json_schema()
