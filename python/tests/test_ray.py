"""What of an agent on Ray needs no cluster: its arguments, its token, its failure to start, the end of a call."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from axon_agent import tools
from axon_agent.app import App
from axon_agent.ray import FAILED, Arguments, ReplicaError, ending_with_answer, make_app
from axon_agent.report import Output

TOKEN = "a token"
WAITS = """
import asyncio
began = asyncio.Event()
ended = asyncio.Event()

async def agent(prompt):
    began.set()
    try:
        await asyncio.Event().wait()
    finally:
        ended.set()
"""


def arguments(module: str) -> dict[str, Any]:
    return {"agent": "writer", "module": module, "token_sha256": hashlib.sha256(TOKEN.encode()).hexdigest()}


def app_of(directory: Path, code: str, name: str = "the_agent", output: Output | None = None) -> App:
    file = directory / f"{name}.py"
    file.write_text(code)
    return make_app(Arguments.model_validate(arguments(str(file))), "replica-1", output or Output())


def client(app: App, token: str | None = TOKEN) -> httpx.AsyncClient:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    transport = httpx.ASGITransport(app=app, root_path="/shop-writer")
    return httpx.AsyncClient(transport=transport, base_url="http://ray/shop-writer", headers=headers)


async def test_an_agent_answers_below_the_prefix_of_its_application(tmp_path: Path) -> None:
    app = app_of(tmp_path, "def agent(prompt): return prompt.upper()")
    async with client(app) as http:
        answer = await http.post("/agents/writer/run_sync", json={"prompt": "hi"})
        assert (answer.status_code, answer.json()["result"]) == (200, "HI")
        assert (await http.get("/health")).json()["generation"] == "replica-1"
        assert (await http.get("/agents/writer/schema")).json()["name"] == "writer"


async def test_an_approval_is_refused_where_there_is_no_node_to_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "_desk", tools._Desk())
    code = "from axon_agent.tools import approve\nasync def agent(prompt): return await approve('pay', {})"
    async with client(app_of(tmp_path, code, "pays_on_ray")) as http:
        error = (await http.post("/agents/writer/run_sync", json={"prompt": "hi"})).json()["error"]
        assert (error["code"], error["kind"]) == ("AGENT_RAISED", "RuntimeError")
        assert "no connection to Node" in error["message"]


@pytest.mark.parametrize("token", [None, "", "another token", hashlib.sha256(TOKEN.encode()).hexdigest()])
async def test_a_request_without_the_token_is_refused(tmp_path: Path, token: str | None) -> None:
    async with client(app_of(tmp_path, "def agent(prompt): return prompt"), token) as http:
        answer = await http.post("/agents/writer/run_sync", json={"prompt": "hi"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "PROTOCOL_UNAUTHORIZED")


async def test_the_token_without_its_scheme_is_refused(tmp_path: Path) -> None:
    async with client(app_of(tmp_path, "def agent(prompt): return prompt"), None) as http:
        answer = await http.get("/health", headers={"authorization": TOKEN})
        assert answer.status_code == 401


@pytest.mark.parametrize(
    "wrong",
    [{"token_sha256": None}, {"token_sha256": TOKEN}, {"agent": ""}, {"token": TOKEN}, {"module": 1}],
)
def test_wrong_arguments_are_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Arguments.model_validate({**arguments("the_agent"), **wrong})


def test_an_agent_that_cannot_be_loaded_is_an_error_that_node_can_read(tmp_path: Path) -> None:
    with pytest.raises(ReplicaError) as raised:
        app_of(tmp_path, "import nothing_of_that_name")
    told, _, frame = str(raised.value).rpartition(FAILED)
    assert "No module named 'nothing_of_that_name'" in told
    assert 'the_agent.py", line 1' in told
    failed = json.loads(frame)
    assert (failed["type"], failed["code"], failed["kind"]) == ("failed", "AGENT_IMPORT_FAILED", "ModuleNotFoundError")
    assert failed["traceback"] in told


async def test_a_call_ends_with_its_answer_though_the_connection_stays() -> None:
    heard: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.append((await receive())["type"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({"type": "http.response.body", "body": b"b"})
        heard.append((await receive())["type"])

    sent: list[Any] = []
    requests = asyncio.Queue[Any]()
    requests.put_nowait({"type": "http.request", "body": b""})

    async def send(message: Any) -> None:
        sent.append(message)

    await ending_with_answer(app)({"type": "http", "path": "/"}, requests.get, send)
    assert heard == ["http.request", "http.disconnect"]
    assert len(sent) == 3


async def test_a_call_that_is_cancelled_cancels_its_run(tmp_path: Path) -> None:
    app = app_of(tmp_path, WAITS, "waits_on_ray")
    module = sys.modules["waits_on_ray"]
    async with client(app) as http:
        asking = asyncio.create_task(http.post("/agents/writer/run_sync", json={"prompt": "hi"}))
        await asyncio.wait_for(module.began.wait(), 10)
        asking.cancel()
        await asyncio.wait_for(module.ended.wait(), 10)
