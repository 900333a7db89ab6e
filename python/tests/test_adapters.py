"""Which adapter an object gets: classes and instances, spec files, and adapters that other packages bring."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from runner_kit import answer, said, stream

from axon_agent.adapters.plugins import installed as entries
from axon_agent.errors import StartError
from axon_agent.loader import load

CLASS = """
made = 0

class Counter:
    def __init__(self):
        global made
        made += 1

    def run(self, prompt, deps: int = 1):
        return {'run': prompt, 'made': made, 'deps': deps}

    async def stream(self, prompt):
        yield prompt
        yield '!'
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Writes files into the current directory, which is importable; what was imported from it is forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def written(name: str, source: str) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
        importlib.invalidate_caches()

    yield written
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


Write = Callable[[str, str], None]


async def test_a_class_is_made_once_and_run_or_stream_is_called(write: Write) -> None:
    write("counted.py", CLASS)
    runner = load("counted", None)
    assert runner.framework == "class"
    for _ in range(2):
        assert (await answer(runner, "a", deps=5))["result"] == {"run": "a", "made": 1, "deps": 5}
    events, body = await stream(runner, "b")
    assert said(events) == body["result"] == "b!"
    assert runner.schema()["input"]["properties"]["deps"] == {"type": "integer"}


async def test_an_instance_may_have_only_one_of_the_two(write: Write) -> None:
    write(
        "streams.py", "class A:\n    def stream(self, prompt):\n        yield prompt\n        yield '?'\nagent = A()\n"
    )
    assert (await answer(load("streams", None), "a"))["result"] == "a?"
    write("runs.py", "class A:\n    def run(self, prompt):\n        return prompt\nagent = A()\n")
    events, body = await stream(load("runs:A", None), "b")
    assert (events, body["result"]) == ([], "b")


def test_a_class_that_cannot_be_made_is_refused_with_its_error(write: Write) -> None:
    write("needs.py", "class A:\n    def __init__(self, key): ...\n    def run(self, prompt): ...\n")
    with pytest.raises(StartError, match=r"needs\(\) raised TypeError.*key"):
        load("needs", None)
    write("two.py", "class A:\n    def run(self, prompt): ...\nclass B(A): ...\n")
    with pytest.raises(StartError, match="Found: two:A, two:B"):
        load("two", None)


@pytest.mark.parametrize("name", ["agents/kind.yaml", "kind.yml", "kind.json"])
async def test_a_spec_file_is_a_pydantic_ai_agent(write: Write, name: str) -> None:
    write(name, '{"model": "test", "instructions": "Be kind.", "name": "kind"}')
    runner = load(name, None)
    assert runner.framework == "pydantic-ai"
    body = await answer(runner)
    assert body["result"] == "success (no tool calls)"
    assert body["messages"][0]["instructions"] == "Be kind."


async def test_a_spec_may_have_a_schema_and_leave_its_model_to_the_definition(write: Write) -> None:
    write("typed.yaml", "output_schema: {type: object, properties: {n: {type: integer}}, required: [n]}\n")
    assert (await answer(load("typed.yaml", "test")))["result"] == {"n": 0}


@pytest.mark.parametrize(
    ("source", "code", "told"),
    [
        (None, "AGENT_MODULE_NOT_FOUND", "no file ./spec.yaml"),
        ("- 1\n", "AGENT_IMPORT_FAILED", "no agent spec"),
        ("model: nobody:knows\n", "AGENT_MODEL_INVALID", "nobody:knows"),
    ],
)
def test_a_spec_that_cannot_be_used_is_refused(write: Write, source: str | None, code: str, told: str) -> None:
    if source is not None:
        write("spec.yaml", source)
    with pytest.raises(StartError, match=told) as caught:
        load("./spec.yaml", None)
    assert caught.value.code == code


async def test_a_module_may_be_called_like_the_end_of_a_spec_file(write: Write) -> None:
    write("kinds/json.py", "def agent(prompt): return prompt")
    assert (await answer(load("kinds.json", None), "a"))["result"] == "a"


FOREIGN = "class Crew:\n    def __init__(self, word): self.word = word\n    def __call__(self, prompt): ...\n"
ADAPTER = """
import foreign
from axon_agent.adapters.base import Outcome, encode

class Runner:
    framework = 'foreign'
    def __init__(self, crew): self.crew = crew
    def prepare(self, request): return request['prompt']
    async def run(self, call, emit): return Outcome(encode(self.crew.word + call, 'result'))
    def schema(self): return {'input': {}, 'output': {}, 'tools': []}

def is_agent(found): return isinstance(found, foreign.Crew)
def make_runner(found, name, model): return Runner(found)
"""
AGENT = "from foreign import Crew\ndef run(prompt): ...\nbot = Crew('ahoy ')\n"


@pytest.fixture
def install(write: Write) -> Iterator[Callable[[str], None]]:
    """Installs a package with an entry point for the module `foreign`."""

    def installed(adapter: str) -> None:
        write("foreign.py", FOREIGN)
        write("foreign_adapter.py", adapter)
        write("foreign_axon-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: foreign-axon\nVersion: 1\n")
        write("foreign_axon-1.dist-info/entry_points.txt", "[axon_agent.adapters]\nforeign = foreign_adapter\n")
        entries.cache_clear()

    yield installed
    entries.cache_clear()


async def test_an_installed_adapter_makes_its_framework_known(write: Write, install: Callable[[str], None]) -> None:
    install(ADAPTER)
    write("crew.py", AGENT)
    # Before the function `run`, though it is called otherwise; and callable as it is, it is no function.
    assert (await answer(load("crew", None), "you"))["result"] == "ahoy you"


async def test_an_adapter_is_not_loaded_for_those_who_do_not_use_it(
    write: Write, install: Callable[[str], None]
) -> None:
    install("raise RuntimeError('must not be loaded')")
    write("plain.py", "class Other: ...\nother = Other()\ndef run(prompt): return prompt\n")
    assert (await answer(load("plain", None), "a"))["result"] == "a"
    assert "foreign_adapter" not in sys.modules


@pytest.mark.parametrize(
    ("adapter", "told"),
    [("1/0", "ZeroDivisionError"), ("def is_agent(found): ...", "no adapter: it has no make_runner")],
)
def test_a_broken_adapter_is_named_with_its_package(
    write: Write, install: Callable[[str], None], adapter: str, told: str
) -> None:
    install(adapter)
    write("crew_of_broken.py", AGENT)
    with pytest.raises(StartError, match=told) as caught:
        load("crew_of_broken", None)
    assert caught.value.code == "AGENT_IMPORT_FAILED"
    assert "foreign = foreign_adapter of foreign-axon" in caught.value.message


async def test_a_folder_that_is_called_as_an_installed_package_is_found_all_the_same(write: Write) -> None:
    write("agents/mine.py", "def agent(prompt): return prompt\n")
    assert (await answer(load("agents.mine", None), "a"))["result"] == "a"


async def test_a_users_own_package_agents_is_found_where_openais_was_preloaded(write: Write) -> None:
    kept = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "agents"}
    importlib.import_module("agents")
    write("agents/__init__.py", "")
    write("agents/agent.py", "class Agent:\n    def run(self, prompt):\n        return 'mine'\nagent = Agent()\n")
    try:
        assert (await answer(load("agents.agent", None)))["result"] == "mine"
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "agents"]:
            del sys.modules[name]
        sys.modules.update(kept)
