"""What docs/desk.md says is so."""

import asyncio
import inspect
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chatwoot_stage import fake_chatwoot
from ports import free_port
from secondme_avatar.desk import Desk, Line
from secondme_avatar.desk._chatwoot_options import of_environment
from secondme_avatar.desk._states import EVENTS, STATES, TABLE, Cell
from secondme_avatar.desk.chatwoot import ChatwootConnector
from secondme_avatar.desk.export import TRANSCRIPT_SCHEMA, export_csv
from secondme_avatar.testing import Emulator

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "desk.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def rows(head: str) -> list[list[str]]:
    """The rows of the table that begins with this head, without it."""
    found = PAGE[PAGE.index(head) :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in found]


def cell(text: str, state: str) -> Cell:
    """Reads a cell: the next state, and the effects."""
    if not text:
        return Cell(state)  # type: ignore[arg-type]
    next_state, *effects = re.findall(r"`(\w+)`", text)
    return Cell(next_state, tuple(effects))


def test_the_table_of_states_is_the_one_that_decides() -> None:
    head = "| event | " + " | ".join(f"`{state}`" for state in STATES)
    found = {row[0].strip("`"): row[1:] for row in (re.split(r" \|(?: |$)", line) for line in table_lines(head))}
    assert tuple(found) == EVENTS
    for event, cells in found.items():
        for state, text in zip(STATES, cells, strict=False):
            assert cell(text.strip(), state) == TABLE[event][state], (event, state)  # type: ignore[index]


def table_lines(head: str) -> list[str]:
    lines = PAGE[PAGE.index(head) :].split("\n\n")[0].splitlines()[2:]
    return [line.removeprefix("| ") for line in lines]


def test_every_keyword_of_a_desk_has_a_row() -> None:
    named = [name for row in rows("| keyword of `Desk`") for name in re.findall(r"`(\w+)`", row[0])]
    keywords = [name for name in inspect.signature(Desk.__init__).parameters if name not in ("self", "client")]
    assert sorted(named) == sorted(keywords)


def test_every_variable_of_chatwoot_has_a_row() -> None:
    named = {name for row in rows("| variable | what it holds") for name in re.findall(r"`(\w+)`", row[0])}
    assert named == set(re.findall(r"CHATWOOT_\w+", inspect.getsource(of_environment)))


async def test_every_column_and_field_of_a_transcript_has_a_row() -> None:
    found = rows("| JSON | CSV |")
    fields = {name for row in found for name in re.findall(r"`lines\[\]\.(\w+)`", row[0])}
    assert fields == set(TRANSCRIPT_SCHEMA["properties"]["lines"]["items"]["properties"])
    columns = [name for row in found for name in re.findall(r"`(\w+)`", row[1])]
    head = await anext(export_csv([], conversation="c", zone="UTC"))
    assert sorted(columns) == sorted(head.removeprefix("\ufeff").strip().replace('"', "").split(","))


async def test_the_first_example_is_a_desk(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "CHATWOOT_URL": "http://127.0.0.1:9",
        "CHATWOOT_ACCOUNT": "1",
        "CHATWOOT_BOT_TOKEN": "token",
        "CHATWOOT_BOT_SECRET": "secret",
        "SECONDME_BASE_URL": emulator.base_url,
        "SECONDME_API_KEY": emulator.api_key,
    }.items():
        monkeypatch.setenv(name, value)
    started = asyncio.Event()
    start = ChatwootConnector.start

    async def noted(self: ChatwootConnector, desk: Desk) -> None:
        await start(self, desk)
        started.set()

    monkeypatch.setattr(ChatwootConnector, "start", noted)
    running = asyncio.create_task(run(EXAMPLES[0])["main"]())
    waiting = asyncio.create_task(started.wait())
    await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
    assert started.is_set(), running
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_the_second_example_writes_a_transcript(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    class Kept:
        async def transcript(self, conversation: str) -> AsyncIterator[Line]:
            yield Line("m1", 0.0, "operator", "Carol", f"about {conversation}")

    await run(EXAMPLES[1])["save"](Kept(), "1/42")
    written = (tmp_path / "conversation.csv").read_text(encoding="utf-8-sig")
    assert '"operator","Carol","everyone","no","about 1/42"' in written


async def test_the_program_to_copy_answers_at_chatwoot(emulator: Emulator, tmp_path: Path) -> None:
    port = free_port()
    hours = tmp_path / "hours.json"
    hours.write_text('{"zone": "Europe/Berlin", "week": {"mon": "09:00-10:00"}, "holidays": ["2020-01-01/2029-12-31"]}')
    async with fake_chatwoot() as fake:
        account = fake.accounts[0]
        environment = {
            "CHATWOOT_URL": fake.url,
            "CHATWOOT_ACCOUNT": str(account["id"]),
            "CHATWOOT_BOT_TOKEN": account["botToken"],
            "CHATWOOT_BOT_SECRET": account["botSecret"],
            "CHATWOOT_WEBHOOK_SECRET": account["webhookSecret"],
            "SECONDME_BASE_URL": emulator.base_url,
            "SECONDME_API_KEY": emulator.api_key,
            "AVATAR_STORE": str(tmp_path / "desk.db"),
            "DESK_HOURS": str(hours),
            "PORT": str(port),
        }
        program = str(ROOT / "examples" / "desk" / "chatwoot_desk.py")
        process = await asyncio.create_subprocess_exec(sys.executable, program, env={**os.environ, **environment})
        try:

            async def listens() -> bool:
                assert process.returncode is None
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    return False
                writer.close()
                await writer.wait_closed()
                return True

            await fake.until(listens)
            await fake.control("webhook", url=f"http://127.0.0.1:{port}")
            await fake.say("Ann", "Hello")
            await fake.until_said(1, ["Ann: Hello", "Avatar: You said: Hello"])
            await fake.say("Ann", "human")
            late = "Avatar: No one is here in person at the moment. No opening is planned at the moment."
            await fake.until_said(1, ["Ann: Hello", "Avatar: You said: Hello", "Ann: human", late])
        finally:
            process.terminate()
            await process.wait()


def run(example: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(example.replace("asyncio.run(main())\n", ""), names)
    return names
