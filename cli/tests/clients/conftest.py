from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from dify import Dify
from gateway import Stage


class Staged(Protocol):
    def __call__(self, *args: str, **options: Any) -> Stage: ...


@pytest.fixture
def staged() -> Iterator[Staged]:
    """Starts gateways for as long as a test lasts."""
    stages: list[Stage] = []

    def start(*args: str, **options: Any) -> Stage:
        stages.append(Stage(*args, **options))
        return stages[-1]

    yield start
    for stage in stages:
        stage.stop()


@pytest.fixture
def stage(staged: Staged) -> Stage:
    """A gateway with the usual settings."""
    return staged()


@pytest.fixture(scope="session")
def wheels() -> Path:
    """What was taken out of the wheels."""
    return Path(os.environ["WHEELS"])


@pytest.fixture
def dify(stage: Stage, wheels: Path) -> Dify:
    """Dify, in front of the gateway."""
    return Dify(stage, wheels)
