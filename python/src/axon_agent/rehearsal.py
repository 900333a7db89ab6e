"""Owns the rehearsal of a host: an application is made and asked in memory, over no connection, and forgotten.

What it makes at first use (validators, routes, imports inside functions) is inherited by every agent that is forked.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import MutableMapping
from typing import Any

import uvicorn

from axon_agent import serve
from axon_agent.adapters import Runner, make_runner
from axon_agent.app import AgentApp, bearer
from axon_agent.runs import Nobody, Runs

_BODY = json.dumps({"prompt": "hello"}).encode()


def rehearse(loaded: list[str], may_start_threads: bool) -> None:
    """Runs a function, and an agent of each framework that is loaded. Raises what goes wrong."""
    runners = [make_runner(_echo, "rehearsal", None)]
    if "pydantic_ai" in loaded:
        runners.append(_pydantic_ai(may_start_threads))
    if "langgraph.graph" in loaded:
        runners.append(_langgraph())
    if "agents" in loaded:
        runners.append(_openai_agents())
    loop = serve.new_event_loop()
    try:
        loop.run_until_complete(_ask_all(runners))
    finally:
        loop.close()


async def _echo(prompt: str) -> str:
    return prompt


def _pydantic_ai(may_start_threads: bool) -> Runner:
    from pydantic_ai import Agent  # noqa: PLC0415 - not in every environment
    from pydantic_ai.models.test import TestModel  # noqa: PLC0415

    agent = Agent(TestModel())

    @agent.tool_plain
    async def look(word: str) -> str:
        """Looks."""
        return word

    if may_start_threads:

        @agent.instructions
        def instruct() -> str:  # what is not async runs in a thread
            return "Look."

    return make_runner(agent, "rehearsal", None)


def _langgraph() -> Runner:
    from langchain_core.messages import AIMessage  # noqa: PLC0415 - not in every environment
    from langgraph.graph import START, MessagesState, StateGraph  # noqa: PLC0415

    async def say(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage("hello")]}

    graph = StateGraph(MessagesState)
    graph.add_node("say", say)
    graph.add_edge(START, "say")
    return make_runner(graph.compile(), "rehearsal", None)


def _openai_agents() -> Runner:
    from agents import Agent, function_tool  # noqa: PLC0415 - not in every environment

    @function_tool
    async def look(word: str) -> str:
        """Looks."""
        return word

    return make_runner(Agent(name="rehearsal", tools=[look]), "rehearsal", "test")


async def _ask_all(runners: list[Runner]) -> None:
    for runner in runners:
        token = secrets.token_hex(16)
        app = AgentApp(Runs("rehearsal", runner, Nobody()), bearer(token), "rehearsal/0#0")
        uvicorn.Config(app, http="httptools", ws="none", lifespan="off", interface="asgi3", log_config=None).load()
        for method, path in (
            ("POST", "/agents/rehearsal/run_sync"),
            ("POST", "/agents/rehearsal/run_stream"),
            ("GET", "/health"),
        ):
            await _ask(app, token, method, path)


async def _ask(app: AgentApp, token: str, method: str, path: str) -> None:
    ended = asyncio.Event()
    asked = False
    status = 0

    async def receive() -> MutableMapping[str, Any]:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": _BODY if method == "POST" else b"", "more_body": False}
        await ended.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            ended.set()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {token}".encode())],
        "client": None,
        "server": None,
    }
    await app(scope, receive, send)
    if status != 200:
        raise RuntimeError(f"the rehearsal of {path} was answered with status {status}")
