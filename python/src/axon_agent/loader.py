"""Owns the way from the definition's `module` to the agent object in it. Serving the object belongs to the adapters,
spec files to `spec`.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any

from axon_agent.adapters import Runner, is_framework_agent, make_runner
from axon_agent.errors import StartError, describe
from axon_agent.spec import SPECS, load_spec

_FUNCTIONS = ("run", "main")


def load(module: str, model: str | None) -> Runner:
    """The agent of `package.module`, `package.module:name`, `path/to/file.py`, `path/to/file.py:name`, or of a
    pydantic-ai spec file, `path/to/spec.yaml`.

    Without a name it is the attribute `agent`, else the only framework agent in the module, else a function named
    `run` or `main`, else the only class of the module that has `run` or `stream`. Raises `StartError`.
    """
    # `agents.json` may also be a module `json` in a package `agents`.
    if module.endswith(SPECS) and ("/" in module or os.path.isfile(module)):
        return load_spec(module, model)
    _give_up("agents")
    place, colon, name = module.rpartition(":")
    if not colon or "/" in name or name.endswith(".py"):
        place, name = module, ""
    loaded = _import(place)
    found = _named(loaded, place, name) if name else _found(loaded, place)
    return make_runner(found, name or place, model)


def _give_up(package: str) -> None:
    """Forgets a package that the host has preloaded where the user has one of that name, which comes first on the path:
    OpenAI's is called `agents`, as many a user's is.
    """
    loaded = sys.modules.get(package)
    found = PathFinder.find_spec(package) if loaded is not None else None
    if found is None or found.origin in (None, getattr(loaded, "__file__", None)):
        return
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        del sys.modules[name]


def _import(place: str) -> ModuleType:
    try:
        if place.endswith(".py") or "/" in place or os.sep in place:
            return _import_file(place)
        if not all(part.isidentifier() for part in place.split(".")):
            message = f"{place!r} is no module: give `package.module` or `path/to/file.py`."
            raise StartError("import", "AGENT_MODULE_NOT_FOUND", message)
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        file = f"{place.replace('.', '/')}.py"
        if error.name == place and os.path.isfile(file):
            # Its folder is no package and has the name of an installed one, as `agents` is OpenAI's.
            return _import(file)
        raise _not_found(place, error) from error
    except StartError:
        raise
    except BaseException as error:
        # SystemExit too: a module that ends the process at import is a module that cannot be imported.
        if _in_model(error):
            raise StartError.caused("import", "AGENT_MODEL_INVALID", describe(error), error) from error
        message = f"Importing {place} raised {type(error).__name__}: {describe(error)}"
        raise StartError.caused("import", "AGENT_IMPORT_FAILED", message, error) from error


def _import_file(place: str) -> ModuleType:
    path = os.path.abspath(place)
    if not os.path.isfile(path):
        message = f"There is no file {place} in {os.getcwd()}."
        raise StartError("import", "AGENT_MODULE_NOT_FOUND", message, kind="FileNotFoundError")
    folder, file = os.path.split(path)
    name = file.removesuffix(".py")
    # As `python file.py` does: its neighbours can be imported.
    if folder not in sys.path:
        sys.path.insert(min(1, len(sys.path)), folder)
    if name in sys.modules or name in sys.stdlib_module_names or not name.isidentifier():
        name = f"axon_agent_file_{''.join(c if c.isalnum() else '_' for c in name)}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise StartError("import", "AGENT_MODULE_NOT_FOUND", f"{place} is no Python file.")
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[name] = loaded
    spec.loader.exec_module(loaded)
    return loaded


def _not_found(place: str, error: ModuleNotFoundError) -> StartError:
    missing = error.name or ""
    if not place.endswith(".py") and (place == missing or place.startswith(f"{missing}.")) and missing:
        message = f"There is no module {place}: {missing} was not found in {os.getcwd()} or in the environment."
        known = sys.modules.get(place.partition(".")[0])
        shadow = getattr(known, "__file__", None)
        if shadow and not shadow.startswith(os.getcwd()):
            message += f" ({place.partition('.')[0]} is {shadow}: a folder of that name must be called otherwise.)"
        return StartError.caused("import", "AGENT_MODULE_NOT_FOUND", message, error)
    hint = f"add the package that has {missing.partition('.')[0]} to the agent's `dependencies`"
    message = f"Importing {place} failed: {describe(error)}. If it is not a file of yours, {hint}."
    return StartError.caused("import", "AGENT_IMPORT_FAILED", message, error)


def _in_model(error: BaseException) -> bool:
    """Whether pydantic-ai refused a model while the module was imported, as it does for a missing API key."""
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        if code.co_name == "infer_model" and "pydantic_ai" in code.co_filename:
            return True
        step = step.tb_next
    return False


def _named(loaded: ModuleType, place: str, name: str) -> Any:
    found: Any = loaded
    for step in name.split("."):
        found = getattr(found, step, None)
        if found is None:
            raise _missing(loaded, place, f"{place} has no {name}")
    return found


def _found(loaded: ModuleType, place: str) -> Any:
    attributes = vars(loaded)
    if attributes.get("agent") is not None and not isinstance(attributes["agent"], ModuleType):
        return attributes["agent"]
    agents = {id(value): value for value in list(attributes.values()) if is_framework_agent(value)}
    if len(agents) == 1:
        return next(iter(agents.values()))
    if agents:
        raise _missing(loaded, place, f"{place} has {len(agents)} agents and none is called `agent`")
    for name in _FUNCTIONS:
        if callable(attributes.get(name)):
            return attributes[name]
    classes = [value for value in attributes.values() if _is_agent_class(value, loaded)]
    if len(classes) == 1:
        return classes[0]
    what = "no `agent`, no framework's agent, no function `run` or `main`, not one class with `run` or `stream`"
    raise _missing(loaded, place, f"{place} has no agent: {what}")


def _missing(loaded: ModuleType, place: str, what: str) -> StartError:
    candidates = [
        f"{place}:{name}"
        for name, value in vars(loaded).items()
        if not name.startswith("_")
        and (
            is_framework_agent(value)
            or _is_agent_class(value, loaded)
            or (
                callable(value)
                and getattr(value, "__module__", None) == loaded.__name__
                and not isinstance(value, type)
            )
        )
    ]
    found = f"Found: {', '.join(candidates[:20])}." if candidates else "Nothing in it could be one."
    return StartError("import", "AGENT_OBJECT_MISSING", f"{what}. {found} Name it as `{place}:name`.")


def _is_agent_class(value: Any, loaded: ModuleType) -> bool:
    return (
        isinstance(value, type)
        and value.__module__ == loaded.__name__
        and any(callable(getattr(value, name, None)) for name in ("run", "stream"))
    )
