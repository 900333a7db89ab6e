"""What a replica on a cluster tells of itself."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
from test_ray import app_of, client

from axon_agent.report import MAX_KEPT_BYTES, MAX_LINE_CHARS, Output, Tee


async def test_it_is_asked_for_with_what_is_known_of_each_replica(tmp_path: Path) -> None:
    output = Output()
    app = app_of(tmp_path, "def agent(prompt): return prompt", "reports_on_ray", output)
    output.add("stdout", "one")
    output.add("stderr", "zwei ü")
    async with client(app) as http:
        told = (await http.post("/agents/writer/report", json={})).json()
        assert (told["replica"], told["pid"], told["in_flight"]) == ("replica-1", os.getpid(), 0)
        assert told["rss"] is None or told["rss"] > 1_000_000
        assert told["cpu"] > 0
        assert told["output"] == {"end": 12, "dropped": 0, "lines": [["stdout", "one"], ["stderr", "zwei ü"]]}
        output.add("stdout", "three")
        after = {"replica-1": told["output"]["end"], "replica-2": 7}
        again = (await http.post("/agents/writer/report", json={"after": after})).json()
        assert again["output"] == {"end": 18, "dropped": 0, "lines": [["stdout", "three"]]}


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"after":{"replica-1":-1}}', b'{"after":{"replica-1":"1"}}', b'{"path":1}']
)
async def test_another_question_is_refused(tmp_path: Path, body: bytes) -> None:
    app = app_of(tmp_path, "def agent(prompt): return prompt", "refuses_on_ray")
    async with client(app) as http:
        answer = await http.post("/agents/writer/report", content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "RUN_REQUEST_INVALID")


async def test_who_has_no_token_is_told_nothing(tmp_path: Path) -> None:
    app = app_of(tmp_path, "def agent(prompt): return prompt", "guards_on_ray")
    async with client(app, None) as http:
        assert (await http.post("/agents/writer/report", json={})).status_code == 401


def test_what_is_kept_is_bounded_and_what_is_lost_is_told() -> None:
    output = Output()
    count = 2 * MAX_KEPT_BYTES // 1_000
    for _ in range(count):
        output.add("stdout", "x" * 999)
    told = output.since(0)
    kept = sum(len(text) + 1 for _, text in told["lines"])
    assert (told["end"], kept + told["dropped"]) == (count * 1_000, count * 1_000)
    assert MAX_KEPT_BYTES - 1_000 < kept <= MAX_KEPT_BYTES
    assert output.since(told["end"] - 1_000)["dropped"] == 0
    output.add("stdout", "y" * (2 * MAX_LINE_CHARS))
    assert len(output.since(told["end"])["lines"][0][1]) == MAX_LINE_CHARS


def test_what_a_process_says_goes_where_it_went_and_is_kept_by_lines() -> None:
    output, stream = Output(), io.StringIO()
    tee = Tee(stream, "stdout", output)
    print("a", "b", file=tee)
    tee.write("half")
    assert output.since(0)["lines"] == [("stdout", "a b")]
    tee.writelines([" and half\n", "more\n"])
    assert [text for _, text in output.since(0)["lines"]] == ["a b", "half and half", "more"]
    assert stream.getvalue() == "a b\nhalf and half\nmore\n"
    assert tee.getvalue() == stream.getvalue()


def test_it_listens_to_both_streams_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    output = Output()
    output.listen()
    print("out")
    print("err", file=sys.stderr)
    assert output.since(0)["lines"] == [("stdout", "out"), ("stderr", "err")]
