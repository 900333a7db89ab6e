"""Owns the HTTP application of one agent: who may ask, what can be asked, and where it goes.

1. The token is asked for before anything else, the body included.
2. The two routes of runs are answered before FastAPI's routing, which costs more than they do; they stand in the
   FastAPI application as well, where they are documented.
3. The FastAPI application is made when something else is first asked for: making it is half of a warm start.
"""

from __future__ import annotations

import functools
import hmac
import platform
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import asdict
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from axon_agent import __version__, tools
from axon_agent.answers import Answer, JsonAnswer, Send, StreamAnswer, send_error
from axon_agent.errors import RunError
from axon_agent.openapi import REFUSALS, add_schemas, hoist
from axon_agent.protocol import ATTEMPT_HEADER, BEGIN_HEADER, DEADLINE_HEADER, RUN_HEADER
from axon_agent.request import RunHead, parse_head, parse_request
from axon_agent.runs import Runs
from axon_agent.tracing import BAGGAGE, TRACEPARENT, TRACESTATE, read_trace

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Guard = Callable[[bytes], bool]
"""Whether a request with this `Authorization` header may ask; empty where it has none."""

KEEP_ALIVE_SECONDS = 15.0
_TRACED = frozenset({TRACEPARENT, TRACESTATE, BAGGAGE})


def bearer(token: str) -> Guard:
    """Allows who has the token."""
    expected = f"Bearer {token}".encode()
    return lambda given: hmac.compare_digest(given, expected)


class AgentApp:
    """The ASGI application: the token's guard, the routes of runs, and FastAPI behind them (`api`)."""

    def __init__(
        self, runs: Runs, is_allowed: Guard, generation: str = "", *, keep_alive: float = KEEP_ALIVE_SECONDS
    ) -> None:
        self._runs = runs
        self._generation = generation
        self._is_allowed = is_allowed
        self._keep_alive = keep_alive
        prefix = f"/agents/{runs.agent}"
        self.posts: dict[str, App] = {f"{prefix}/run_sync": self.run_sync, f"{prefix}/run_stream": self.run_stream}
        """By path: what is answered before FastAPI's routing."""

    @functools.cached_property
    def api(self) -> FastAPI:
        """The FastAPI application."""
        return make_api(self, self._runs, self._generation)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        given = b""
        for name, value in scope["headers"]:
            if name == b"authorization":
                given = value
        if not self._is_allowed(given):
            error = RunError("PROTOCOL_UNAUTHORIZED", "The bearer token of this process is missing or wrong.")
            await send_error(send, error, error.body(self._runs.agent))
            return
        route = self.posts.get(scope["path"]) if scope["method"] == "POST" else None
        await (route or self.api)(scope, receive, send)

    async def run_sync(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /agents/{name}/run_sync`."""
        await self._run(scope, receive, send, JsonAnswer(send, self._keep_alive))

    async def run_stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /agents/{name}/run_stream`."""
        await self._run(scope, receive, send, StreamAnswer(send, self._keep_alive))

    async def _run(self, scope: Scope, receive: Receive, send: Send, answer: Answer) -> None:
        run_id = attempt = deadline = begin = b""
        traced: dict[bytes, bytes] | None = None
        for name, value in scope["headers"]:
            if name == RUN_HEADER:
                run_id = value
            elif name == ATTEMPT_HEADER:
                attempt = value
            elif name == DEADLINE_HEADER:
                deadline = value
            elif name == BEGIN_HEADER:
                begin = value
            elif name in _TRACED:
                traced = traced or {}
                # A header that stands twice is a list of both.
                traced[name] = traced[name] + b"," + value if name in traced else value
        head: RunHead | None = None
        try:
            head = parse_head(run_id or uuid.uuid4().hex.encode(), attempt, deadline, begin)
            answer.begin_ms = head.begin_ms
            self._runs.check_open()
            body = await read_body(receive)
            if body is None:
                return
            call = self._runs.runner.prepare(parse_request(body))
            run = self._runs.start(head, call, answer, read_trace(traced) if traced else None)
        except RunError as error:
            known = (head.run, head.attempt) if head else (None, None)
            told = error.body(self._runs.agent, known[0], attempt=known[1])
            await send_error(send, error, told)
            return
        # The end of the answer or of the connection, whichever comes first: the server tells both alike. Ray Serve
        # cancels this call as well.
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            if not answer.is_ended:
                self._runs.disconnected(run)


async def read_body(receive: Receive) -> bytes | None:
    """The whole body; None when the connection ended before it."""
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        whole: bytes = message.get("body", b"")
        return whole
    pieces: list[bytes] = []
    while message["type"] == "http.request":
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(pieces)
        message = await receive()
    return None


class _Handover(Response):
    """Lets a FastAPI endpoint hand the whole exchange to an ASGI function."""

    def __init__(self, to: App) -> None:
        super().__init__()
        self._to = to

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._to(scope, receive, send)


def make_api(app: AgentApp, runs: Runs, generation: str) -> FastAPI:
    """The FastAPI application with every route of docs/protocol.md. It asks for no token: `AgentApp` does."""
    api = FastAPI(title=runs.agent, version=__version__, docs_url=None, redoc_url=None)
    described = runs.runner.schema()
    schemas: dict[str, Any] = {}
    request = {
        "required": True,
        "content": {"application/json": {"schema": hoist(described["input"], "Input", schemas)}},
    }
    answer = {
        "type": "object",
        "required": ["result", "messages", "usage"],
        "properties": {
            "result": hoist(described["output"], "Output", schemas),
            "messages": {"type": "array"},
            "usage": {"type": "object", "required": ["total_tokens"]},
        },
    }

    add_schemas(api, schemas)

    @api.post(
        "/agents/{name}/run_sync",
        openapi_extra={"requestBody": request},
        responses={200: {"content": {"application/json": {"schema": answer}}}, **REFUSALS},
    )
    async def run_sync(name: str) -> Response:
        _check(name)
        return _Handover(app.run_sync)

    @api.post(
        "/agents/{name}/run_stream",
        openapi_extra={"requestBody": request},
        responses={200: {"content": {"text/event-stream": {}}}, **REFUSALS},
    )
    async def run_stream(name: str) -> Response:
        _check(name)
        return _Handover(app.run_stream)

    @api.get("/health")
    async def health() -> JSONResponse:
        status = "draining" if runs.is_draining else "ok"
        told = {"status": status, "agent": runs.agent, "generation": generation, "in_flight": runs.in_flight}
        return JSONResponse({**told, "facts": facts(runs)})

    @api.get("/agents/{name}/schema")
    async def schema(name: str) -> JSONResponse:
        _check(name)
        told = {**described, "tools": _with_remote(described["tools"])}
        return JSONResponse({"name": runs.agent, "framework": runs.runner.framework, **told})

    def _check(name: str) -> None:
        if name != runs.agent:
            raise RunError("AGENT_UNKNOWN", f"This process serves {runs.agent}, not {name}.")

    @api.exception_handler(RunError)
    async def refused(_: Request, error: RunError) -> Response:
        return Response(error.body(runs.agent), error.status, media_type="application/json")

    @api.exception_handler(HTTPException)
    async def unknown(_: Request, error: HTTPException) -> Response:
        told = RunError("RUN_REQUEST_INVALID", f"There is no such route: {error.detail}.", status=error.status_code)
        return Response(told.body(runs.agent), told.status, headers=error.headers, media_type="application/json")

    return api


def facts(runs: Runs) -> dict[str, str]:
    """What serves the agent: told in `ready`, and by `/health` where there is no control connection."""
    return {
        "name": runs.agent,
        "framework": runs.runner.framework,
        "python": platform.python_version(),
        "axonAgent": __version__,
    }


def _with_remote(own: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The framework's own tools, and those that Node has: a framework tells those it was given in its own way."""
    remote = {tool.name: asdict(tool) for tool in tools.remote()}
    return [*(tool for tool in own if tool["name"] not in remote), *remote.values()]
