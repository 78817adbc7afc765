"""The pytest plugin: the fixture ``avatar_emulator``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import Emulator


@pytest.fixture
def avatar_emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """The avatar service on this machine, fresh for each test. ``AvatarClient()`` finds it by itself; in tests that
    are not async, ``avatar_emulator.sync`` is what to talk to."""
    emulator = Emulator()
    with emulator.sync:
        monkeypatch.setenv("SECONDME_API_KEY", emulator.api_key)
        monkeypatch.setenv("SECONDME_BASE_URL", emulator.base_url)
        yield emulator
