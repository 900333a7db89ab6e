"""The HTTP application in this process: who may ask, what is answered, what it documents."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from channel import Ends
from fake_node import events

from axon_agent.adapters.function import FunctionRunner
from axon_agent.app import AgentApp, bearer
from axon_agent.runs import Receipts, Runs

ERROR_FIELDS = {"code", "message", "run_id", "agent", "started", "retryable", "attempt"}


class Kernel:
    """Takes receipts at once, and keeps what was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def receipt(self, run: str) -> None:
        self.told.append(f"started {run}")

    def settled(self, run: str, attempt: int) -> None:
        self.told.append(f"settled {run} {attempt}")

    def revoked(self, run: str, attempt: int, is_known: bool) -> None:
        self.told.append(f"revoked {run} {attempt} {'known' if is_known else 'unknown'}")


@asynccontextmanager
async def client(
    function: Callable[..., Any], *, token: str = "secret", keep_alive: float = 15, receipts: Receipts | None = None
) -> AsyncIterator[tuple[httpx.AsyncClient, Runs, Kernel]]:
    kernel = Kernel()
    runs = Runs("writer", FunctionRunner(function, "f", None), receipts or kernel)
    app = AgentApp(runs, bearer("secret"), "writer/0#1", keep_alive=keep_alive)
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app, raise_app_exceptions=True), base_url="http://agent", headers=headers
    ) as asking:
        yield asking, runs, kernel


def echo(prompt: str) -> str:
    return prompt


async def test_every_route_asks_for_the_token() -> None:
    for token in ("", "wrong", "secret2"):
        async with client(echo, token=token) as (http, _, kernel):
            for method, path in [
                ("POST", "/agents/writer/run_sync"),
                ("POST", "/agents/writer/run_stream"),
                ("GET", "/health"),
                ("GET", "/agents/writer/schema"),
                ("GET", "/openapi.json"),
                ("GET", "/nothing"),
            ]:
                answer = await http.request(method, path, content=b"not even json")
                assert answer.status_code == 401
                assert answer.json()["error"]["code"] == "PROTOCOL_UNAUTHORIZED"
            assert kernel.told == []


async def test_the_token_is_checked_before_the_body_is_read() -> None:
    runs = Runs("writer", FunctionRunner(echo, "f", None), Kernel())
    sent: list[Any] = []

    async def receive() -> Any:
        raise AssertionError("the body was asked for")

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/agents/writer/run_sync", "headers": []}
    await AgentApp(runs, bearer("secret"))(scope, receive, send)
    assert sent[0]["status"] == 401


async def test_health_and_schema() -> None:
    async with client(echo) as (http, _, _):
        health = (await http.get("/health")).json()
        facts = health.pop("facts")
        assert {"name": "writer", "framework": "function"}.items() <= facts.items()
        assert set(facts) == {"name", "framework", "python", "axonAgent"}
        assert health == {"status": "ok", "agent": "writer", "generation": "writer/0#1", "in_flight": 0}
        schema = (await http.get("/agents/writer/schema")).json()
        assert set(schema) == {"name", "framework", "input", "output", "tools"}
        assert "prompt" in schema["input"]["properties"]


async def test_openapi_documents_the_runs() -> None:
    async with client(echo) as (http, _, _):
        paths = (await http.get("/openapi.json")).json()["paths"]
        assert set(paths) == {
            "/agents/{name}/run_sync",
            "/agents/{name}/run_stream",
            "/agents/{name}/schema",
            "/health",
        }
        for name in ("run_sync", "run_stream"):
            body = paths[f"/agents/{{name}}/{name}"]["post"]["requestBody"]["content"]["application/json"]["schema"]
            assert "prompt" in body["properties"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "/agents/other/run_sync", 404, "AGENT_UNKNOWN"),
        ("POST", "/agents/other/run_stream", 404, "AGENT_UNKNOWN"),
        ("GET", "/agents/other/schema", 404, "AGENT_UNKNOWN"),
        ("GET", "/nothing", 404, "RUN_REQUEST_INVALID"),
        ("GET", "/agents/writer/run_sync", 405, "RUN_REQUEST_INVALID"),
    ],
)
async def test_what_is_not_there(method: str, path: str, status: int, code: str) -> None:
    async with client(echo) as (http, _, _):
        answer = await http.request(method, path, content=b'{"prompt":"a"}')
        assert answer.status_code == status
        assert answer.json()["error"]["code"] == code
        assert set(answer.json()["error"]) == ERROR_FIELDS


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", {}, 400),
        (b'{"prompt":NaN}', {}, 400),
        (b"{}", {}, 422),
        (b'{"prompt":"a"}', {"x-axon-run": 'a"b'}, 400),
        (b'{"prompt":"a"}', {"x-axon-deadline-ms": "soon"}, 400),
    ],
)
@pytest.mark.parametrize("route", ["run_sync", "run_stream"])
async def test_invalid_requests_are_refused_unstarted(
    route: str, content: bytes, headers: dict[str, str], status: int
) -> None:
    async with client(echo) as (http, _, kernel):
        answer = await http.post(f"/agents/writer/{route}", content=content, headers=headers)
        assert answer.status_code == status
        error = answer.json()["error"]
        assert (error["code"], error["started"]) == ("RUN_REQUEST_INVALID", False)
        assert kernel.told == []


def broken(prompt: str) -> None:
    try:
        {}["missing"]  # type: ignore[index]
    except KeyError as error:
        raise ValueError(f"bad \ud800 {prompt}") from error


@pytest.mark.parametrize("route", ["run_sync", "run_stream"])
async def test_what_user_code_raises_has_its_type_message_and_traceback(route: str) -> None:
    async with client(broken) as (http, _, kernel):
        answer = await http.post(
            f"/agents/writer/{route}", json={"prompt": "p"}, headers={"x-axon-run": "r1", "x-axon-attempt": "2"}
        )
        error = answer.json()["error"] if route == "run_sync" else events(answer)[-1][2]["error"]
        assert answer.status_code == (500 if route == "run_sync" else 200)
        assert (error["code"], error["kind"], error["message"]) == ("AGENT_RAISED", "ValueError", "bad \\ud800 p")
        assert (error["run_id"], error["attempt"], error["started"], error["retryable"]) == ("r1", 2, True, False)
        assert "KeyError" in error["traceback"]
        assert "in broken" in error["traceback"]
        assert "axon_agent" not in error["traceback"].replace(__file__, "")
        assert kernel.told == ["started r1", "settled r1 2"]


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, asyncio.CancelledError])
async def test_user_code_cannot_end_the_loop(error: type[BaseException]) -> None:
    async def leaves(prompt: str) -> None:
        raise error

    async with client(leaves) as (http, runs, _):
        answer = await http.post("/agents/writer/run_sync", json={"prompt": "p"})
        assert answer.json()["error"]["kind"] == error.__name__
        assert runs.in_flight == 0


async def test_fastapis_own_routes_run_too() -> None:
    async with client(echo) as (http, runs, _):
        transport = httpx.ASGITransport(app=AgentApp(runs, bearer("x")).api)
        async with httpx.AsyncClient(transport=transport, base_url="http://agent") as plain:
            answer = await plain.post("/agents/writer/run_sync", json={"prompt": "p"})
            assert answer.json()["result"] == "p"
        assert (await http.get("/health")).json()["in_flight"] == 0


async def test_comments_are_sent_while_nothing_happens() -> None:
    release = asyncio.Event()

    async def waits(prompt: str) -> Any:
        yield "a"
        await release.wait()
        yield "b"

    runs = Runs("writer", FunctionRunner(waits, "f", None), Kernel())
    app = AgentApp(runs, bearer("secret"), keep_alive=0.01)
    body = iter([{"type": "http.request", "body": b'{"prompt":"p"}'}])
    ended = asyncio.Event()
    sent: list[bytes] = []

    async def receive() -> Any:
        for message in body:
            return message
        await ended.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))
        if sent.count(b": keep-alive\n\n") == 3:
            release.set()
        if message["type"] == "http.response.body" and not message.get("more_body"):
            ended.set()

    scope = {"type": "http", "method": "POST", "path": "/agents/writer/run_stream"}
    await app({**scope, "headers": [(b"authorization", b"Bearer secret")]}, receive, send)
    told = [json.loads(event.split(b"data: ")[1]) for event in sent if event.startswith(b"id: ")]
    assert [data.get("text") for data in told] == [None, "a", "b", None]
    assert sent[-1].startswith(b"id: 4\nevent: run.result\n")


async def test_many_runs_at_once_keep_their_answers_apart() -> None:
    gate = asyncio.Event()

    async def waits(prompt: str) -> str:
        await gate.wait()
        return prompt

    async with client(waits) as (http, runs, kernel):
        asked = [
            asyncio.ensure_future(
                http.post("/agents/writer/run_sync", json={"prompt": str(n)}, headers={"x-axon-run": f"r{n}"})
            )
            for n in range(50)
        ]
        while runs.in_flight < 50:  # noqa: ASYNC110 - the runs have no event for it
            await asyncio.sleep(0)
        gate.set()
        answers = await asyncio.gather(*asked)
        assert [answer.json()["result"] for answer in answers] == [str(n) for n in range(50)]
        assert len(kernel.told) == 100


async def test_while_the_channel_is_full_no_run_starts() -> None:
    called: list[str] = []

    async def notes(prompt: str) -> str:
        called.append(prompt)
        return prompt

    with Ends() as ends:
        async with client(notes, receipts=ends.control) as (http, runs, _):
            ends.fill()
            asked = [
                asyncio.ensure_future(
                    http.post("/agents/writer/run_sync", json={"prompt": str(n)}, headers={"x-axon-run": f"r{n}"})
                )
                for n in range(5)
            ]
            while runs.in_flight < 5:  # noqa: ASYNC110 - the runs have no event for it
                await asyncio.sleep(0)
            runs.cancel("r4", 1)
            answer = await asked.pop()
            assert (answer.status_code, answer.json()["error"]["started"]) == (499, False)
            for _ in range(100):
                assert (await http.get("/health")).status_code == 200
            assert called == []
            # Four receipts and five settlements: reading them makes room for them.
            told = [await asyncio.to_thread(ends.frame) for _ in range(9)]
            answers = await asyncio.gather(*asked)
            assert sorted(answer.json()["result"] for answer in answers) == ["0", "1", "2", "3"]
            for n in range(4):
                assert [frame["type"] for frame in told if frame["run"] == f"r{n}"] == ["started", "settled"]
            # It was cancelled before its receipt: no code of it is here.
            assert [frame["type"] for frame in told if frame["run"] == "r4"] == ["settled"]


async def test_openapi_has_the_definitions_that_its_schemas_refer_to() -> None:
    async with client(echo) as (http, _, _):
        document = (await http.get("/openapi.json")).json()
    text = json.dumps(document)
    assert "#/$defs/" not in text
    for name in re.findall(r'"#/components/schemas/([^"]+)"', text):
        assert name in document["components"]["schemas"]
