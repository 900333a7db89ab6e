"""From `module` to the agent object."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from axon_agent.errors import StartError
from axon_agent.loader import load

_numbers = itertools.count()
Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a module under a name of its own, in the directory that is the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))

    def written(source: str) -> str:
        name = f"loaded_{next(_numbers)}"
        (tmp_path / f"{name}.py").write_text(source)
        return name

    return written


async def answer(module: str) -> str:
    runner = load(module, None)
    return (await runner.run(runner.prepare({"prompt": "hi"}), None)).result.decode()


async def test_the_attribute_agent_comes_first(write: Write) -> None:
    name = write("def run(prompt): return 'run'\ndef agent(prompt): return 'agent'\n")
    assert await answer(name) == '"agent"'
    assert await answer(f"{name}:run") == '"run"'
    assert await answer(f"{name}.py") == '"agent"'
    assert await answer(f"./{name}.py:run") == '"run"'


async def test_run_and_main_are_found(write: Write) -> None:
    assert await answer(write("def main(prompt): return 'main'\ndef run(prompt): return 'run'\n")) == '"run"'
    assert await answer(write("def main(prompt): return 'main'\n")) == '"main"'


async def test_a_name_may_lead_through_attributes(write: Write) -> None:
    assert await answer(write("class A:\n  @staticmethod\n  def go(prompt): return 1\n") + ":A.go") == "1"


def test_the_only_framework_agent_is_found_under_any_name(write: Write) -> None:
    name = write("from pydantic_ai import Agent\nbot = same = Agent('test')\ndef run(prompt): return 1\n")
    assert load(name, None).framework == "pydantic-ai"


async def test_a_file_sees_its_neighbours(write: Write, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "neighbour_of_agent.py").write_text("WORD = 'near'\n")
    (tmp_path / "deep" / "json.py").write_text("from neighbour_of_agent import WORD\ndef agent(prompt): return WORD\n")
    assert await answer("deep/json.py") == '"near"'
    assert sys.modules["json"].__file__ != str(tmp_path / "deep" / "json.py")


def refused(module: str) -> StartError:
    with pytest.raises(StartError) as caught:
        load(module, None)
    assert caught.value.phase == "import"
    return caught.value


@pytest.mark.parametrize("module", ["no_such_module", "no_such.module:x", "nowhere/file.py", "a b", "", ".relative"])
def test_a_module_that_is_not_there(write: Write, module: str) -> None:
    assert refused(module).code == "AGENT_MODULE_NOT_FOUND"


def test_a_missing_submodule_is_a_module_that_is_not_there(write: Write) -> None:
    assert refused(f"{write('x = 1')}.sub").code == "AGENT_MODULE_NOT_FOUND"


@pytest.mark.parametrize("suffix", ["", ".py"])
def test_a_missing_import_inside_is_an_import_that_failed(write: Write, suffix: str) -> None:
    error = refused(write("import no_such_package.sub\n") + suffix)
    assert error.code == "AGENT_IMPORT_FAILED"
    assert error.kind == "ModuleNotFoundError"
    assert "no_such_package" in error.message
    assert "dependencies" in error.message


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("1/0", "ZeroDivisionError"),
        ("import sys; sys.exit(3)", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("def (", "SyntaxError"),
        ("from json import nothing_like_it", "ImportError"),
    ],
)
def test_an_import_that_raises(write: Write, source: str, kind: str) -> None:
    error = refused(write(source))
    assert (error.code, error.kind) == ("AGENT_IMPORT_FAILED", kind)
    assert "loaded_" in error.traceback
    assert "axon_agent" not in error.traceback
    assert "importlib" not in error.traceback


@pytest.mark.parametrize(
    ("source", "suffix", "wanted"),
    [
        ("x = 1", "", "Nothing in it could be one"),
        ("def helper(prompt): ...", "", ":helper"),
        ("def helper(prompt): ...", ":other", ":helper"),
        ("agent = 7", "", "a int"),
        ("class agent: ...", "", "the class agent"),
        ("def agent(one, two): ...", "", "one, two"),
        ("def agent(*, text): ...", "", "text"),
        ("from pydantic_ai import Agent\na = Agent('test')\nb = Agent('test')\n", "", ":a, "),
    ],
)
def test_a_module_without_an_agent_lists_what_it_has(write: Write, source: str, suffix: str, wanted: str) -> None:
    error = refused(write(source) + suffix)
    assert error.code == "AGENT_OBJECT_MISSING"
    assert wanted in error.message


def test_a_bad_model_is_refused_at_launch(write: Write) -> None:
    name = write("from pydantic_ai import Agent\nagent = Agent()\n")
    for model, wanted in [
        ("nonsense", "provider:name"),
        ("nobody:x", "provider:name"),
        ("os.path:x y", "provider:name"),
    ]:
        with pytest.raises(StartError, match=wanted) as caught:
            load(name, model)
        assert caught.value.code == "AGENT_MODEL_INVALID"
    assert load(name, "test:anything").framework == "pydantic-ai"
