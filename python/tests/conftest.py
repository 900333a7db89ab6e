"""Owns the fixtures: a `FakeNode` or a `HostNode` for each test, and its directory."""

from __future__ import annotations

import compileall
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import plain_environment
import pytest
from fake_node import FakeNode
from host_kit import HostNode

import axon_agent


def pytest_sessionstart() -> None:
    """Byte code for the sources, as an installed package has it: else every process of every test compiles them."""
    compileall.compile_dir(Path(axon_agent.__file__).parent, quiet=1)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[FakeNode]:
    fake = FakeNode(tmp_path)
    await fake.open()
    try:
        yield fake
    finally:
        await fake.close()


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> str:
    return plain_environment.make(tmp_path_factory.mktemp("plain"))


@pytest.fixture
async def host(tmp_path: Path, plain: str) -> AsyncIterator[HostNode]:
    fake = HostNode(tmp_path, plain)
    try:
        yield fake
    finally:
        await fake.close()


@pytest.fixture
async def full_host(tmp_path: Path) -> AsyncIterator[HostNode]:
    """A host that finds every framework."""
    fake = HostNode(tmp_path, sys.executable)
    try:
        yield fake
    finally:
        await fake.close()
