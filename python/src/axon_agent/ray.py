"""Owns an agent on a Ray cluster: the application that Ray Serve builds, and the way from Serve's requests to `app`.

Deployment (replicas, resources, queues) is Node's, in the `deployments` of Serve's configuration. There is no control
connection here: tools of Node and approvals do not exist, a cancel is the end of the connection, and what a replica
uses and says is told where it is asked for (report.py).

1. Every request is asked for the token, whose hash alone is known to the cluster: Ray's own authentication guards
   neither Serve's proxies nor the ports of replicas.
2. The agent's module is loaded in the replica, by its constructor: what it raises is Serve's reason for the failure.
3. A call ends with its answer: Serve waits for the call, and would tell it of the end of the connection only then.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import MutableMapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from axon_agent import loader, logs
from axon_agent.answers import Send
from axon_agent.app import AgentApp, App, Guard, Receive, Scope
from axon_agent.errors import StartError
from axon_agent.report import Output, Report
from axon_agent.runs import Nobody, Runs

DEPLOYMENT = "agent"
"""The name of the one deployment of an application."""
FAILED = "axon_agent failed: "
"""Before the `failed` frame, as one line of JSON, in what a replica raises that cannot start."""

_DISCONNECT = {"type": "http.disconnect"}


class Arguments(BaseModel):
    """The `args` of an application in Serve's configuration."""

    model_config = ConfigDict(extra="forbid", strict=True)

    agent: Annotated[str, Field(min_length=1)]
    module: Annotated[str, Field(min_length=1)]
    model: str | None = None
    token_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """Of the bearer token, in lower-case hexadecimal."""


class ReplicaError(Exception):
    """The replica cannot start. Serve shows it as text: its last line is for Node to read."""

    def __init__(self, error: StartError) -> None:
        super().__init__(f"{error.message}\n{error.traceback}{FAILED}{json.dumps(error.frame())}")


def application(args: dict[str, Any]) -> Any:
    """The `import_path` of every agent's application, `axon_agent.ray:application`."""
    from ray import serve  # noqa: PLC0415 - in a cluster's environment only

    arguments = Arguments.model_validate(args)

    def build() -> App:
        output = Output()
        output.listen()
        return make_app(arguments, serve.get_replica_context().replica_id.unique_id, output)

    return serve.deployment(serve.ingress(build)(), name=DEPLOYMENT).bind()


def make_app(arguments: Arguments, replica: str, output: Output) -> App:
    """The ASGI application of one replica; `ReplicaError` where its agent cannot be loaded."""
    logs.set_up_logs()
    try:
        runner = loader.load(arguments.module, arguments.model)
    except StartError as error:
        raise ReplicaError(error) from None
    runs = Runs(arguments.agent, runner, Nobody())
    app = AgentApp(runs, bearer_of(arguments.token_sha256), replica)
    app.posts[f"/agents/{runs.agent}/report"] = Report(replica, runs, output)
    return ending_with_answer(app)


def bearer_of(sha256: str) -> Guard:
    """Allows who has the token of this hash."""

    def is_allowed(given: bytes) -> bool:
        token = given.removeprefix(b"Bearer ")
        return token != given and hmac.compare_digest(hashlib.sha256(token).hexdigest(), sha256)

    return is_allowed


def ending_with_answer(app: App) -> App:
    """The application at the prefix where Serve has put it, told of the end of the connection once it has answered."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        exchange = _Exchange(receive, send)
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        await app({**scope, "path": path, "root_path": ""}, exchange.receive, exchange.send)

    return call


class _Exchange:
    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._is_answered = asyncio.Event()

    async def receive(self) -> MutableMapping[str, Any]:
        asked = asyncio.ensure_future(self._receive())
        answered = asyncio.ensure_future(self._is_answered.wait())
        try:
            await asyncio.wait({asked, answered}, return_when=asyncio.FIRST_COMPLETED)
            return asked.result() if asked.done() else _DISCONNECT
        finally:
            asked.cancel()
            answered.cancel()

    async def send(self, message: MutableMapping[str, Any]) -> None:
        await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self._is_answered.set()
