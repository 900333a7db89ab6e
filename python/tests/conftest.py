"""Owns the fixtures: a `FakeNode` or a `HostNode` for each test, and its directory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fake_node import FakeNode
from host_kit import HostNode


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[FakeNode]:
    fake = FakeNode(tmp_path)
    await fake.open()
    try:
        yield fake
    finally:
        await fake.close()


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[HostNode]:
    fake = HostNode(tmp_path)
    try:
        yield fake
    finally:
        await fake.close()
