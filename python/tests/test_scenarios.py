"""Plays ``spec/scenarios/*.yaml``, the same files that every language plays: ``pytest -k takeover``."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from secondme_avatar.testing import Emulator
from stage import Failure, Json, Stage, as_json

FILES = sorted((Path(__file__).parents[2] / "spec" / "scenarios").glob("*.yaml"))
SCENARIOS = {file.stem: yaml.safe_load(file.read_text(encoding="utf-8")) for file in FILES}


def spelled_out(steps: list[Json]) -> Iterator[Json]:
    """The steps, with those of each ``repeat`` as often as it says."""
    for step in steps:
        if "repeat" not in step:
            yield step
            continue
        for _ in range(step["repeat"]["times"]):
            yield from spelled_out(step["repeat"]["steps"])


def test_there_are_scenarios() -> None:
    assert SCENARIOS


@pytest.mark.parametrize("name", SCENARIOS)
async def test_scenario(name: str, emulator: Emulator) -> None:
    scenario = SCENARIOS[name]
    stage = await Stage.set(emulator, scenario)
    for number, step in enumerate(spelled_out(scenario["steps"]), 1):
        try:
            await stage.play(step)
        except Exception as why:
            heard = "\n".join(f"  {event.visitor_id[:12]} {as_json(event)}" for event in stage.heard)
            raise Failure(f"step {number}, {step}: {why}\nwhat was heard:\n{heard}") from why
    await stage.clear()
