"""A platform takes a call and the store fails after it, or the other way round: nothing is said twice, and no line is
lost."""

import asyncio
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from room import BOB, Room, asked, desk_of
from secondme_avatar.desk import Desk, Post
from secondme_avatar.testing import Emulator

JOINED = "Bob has joined and answers you in person."
LONG = " ".join(f"w{number}" for number in range(40))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secondme_avatar.desk._core._FIRST_WAIT", 0.001)
    monkeypatch.setattr("secondme_avatar.desk._core._LONGEST_WAIT", 0.001)


def failing_lines(desk: Desk, monkeypatch: pytest.MonkeyPatch, author: str, times: int, since: str = "") -> list[str]:
    """Has lines of this author, that everyone sees and that have these words, fail to be kept."""
    failed: list[str] = []
    cases = desk._core.cases
    set_line = cases.set_line

    async def fails(case: Any, line: Any, *growing: Any) -> None:
        if len(failed) < times and line.author == author and not line.is_private and since in line.text:
            failed.append(line.text)
            raise OSError("the store is away")
        await set_line(case, line, *growing)

    monkeypatch.setattr(cases, "set_line", fails)
    return failed


async def lines_of(desk: Desk) -> list[tuple[str, str]]:
    return [(line.author, line.text) async for line in desk.transcript("c1") if not line.is_private]


async def test_a_sentence_whose_line_the_store_did_not_take_is_said_once(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room(is_forgetful=True)
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        failed = failing_lines(desk, monkeypatch, "desk", 3)
        await desk.taken("c1", "t", BOB)
        await desk.idle()
        assert failed == [JOINED] * 3
        assert room.texts() == [JOINED]
        assert await lines_of(desk) == [("desk", JOINED)]


@pytest.mark.parametrize("can_edit", [False, True])
async def test_a_reply_whose_line_the_store_did_not_take_is_said_once(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_edit: bool
) -> None:
    room = Room(is_forgetful=True, can_edit=can_edit)
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        failed = failing_lines(desk, monkeypatch, "avatar", 3)
        await desk.visitor_said("c1", "1", "Hello")
        await desk.idle()
        assert len(failed) == 3
        assert room.texts() == ["You said: Hello"]
        assert await lines_of(desk) == [("visitor", "Hello"), ("avatar", "You said: Hello")]


async def test_the_end_of_a_reply_that_the_store_does_not_take_for_long_is_shown_once(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secondme_avatar.bridge._telling._FIRST_WAIT", 0.001)
    room = Room(is_forgetful=True)
    emulator.sync.settings(piece_delay="10ms")
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        # The end alone: what grows has been kept before it is shown.
        failed: list[str] = []
        cases = desk._core.cases
        set_line = cases.set_line

        async def fails(case: Any, line: Any, growing: str | None = None) -> None:
            if line.author == "avatar" and growing is None and len(failed) < 10:
                failed.append(line.text)
                raise OSError("the store is away")
            await set_line(case, line, growing)

        monkeypatch.setattr(cases, "set_line", fails)
        await desk.visitor_said("c1", "1", LONG)
        await desk.idle()
        assert failed == [f"You said: {LONG}"] * 10
        assert room.texts() == [f"You said: {LONG}"]
        assert await lines_of(desk) == [("visitor", LONG), ("avatar", f"You said: {LONG}")]


async def test_what_was_said_while_a_change_could_not_be_kept_is_not_said_again(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room(is_forgetful=True)
    goes_on, post = asyncio.Event(), room.post

    async def held(conversation: str, said: Post) -> str | None:
        room.held = True
        room.changed.set()
        await goes_on.wait()
        return await post(conversation, said)

    room.post = held  # type: ignore[method-assign]
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        await desk.visitor_said("c1", "1", "human")
        await room.until(lambda room: room.held)
        save, failures = desk._core.cases.save, deque([OSError("the store is away")])

        async def failing(case: Any) -> None:
            if failures:
                error = failures.popleft()
                # Meanwhile the platform takes what was on its way.
                goes_on.set()
                await room.until(lambda room: len(room.texts()) == 1 and len(case.out) < 5)
                raise error
            await save(case)

        monkeypatch.setattr(desk._core.cases, "save", failing)
        with pytest.raises(OSError, match="away"):
            await desk.taken("c1", "t", BOB)
        await desk.idle()
        assert len(room.texts()) == 1
        assert await desk.taken("c1", "t", BOB)
        await desk.idle()
        assert len(room.texts()) == 2


async def test_a_message_that_was_not_kept_leaves_nothing_behind(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk_of(emulator, Room(), tmp_path) as (desk, client):
        await desk.visitor_said("c1", "0", "First")
        await desk.idle()
        set_note = client.set_note

        async def fails(visitor: Any, key: str, *text: Any, **options: Any) -> None:
            raise OSError("the store is away")

        monkeypatch.setattr(client, "set_note", fails)
        for number in range(3):
            with pytest.raises(OSError, match="away"):
                await desk.visitor_said("c1", f"lost{number}", "Hello")
        monkeypatch.setattr(client, "set_note", set_note)
        assert desk._core.lanes["c1"].case.pending == []
        assert await desk.visitor_said("c1", "lost0", "Hello")
        await desk.idle()
    assert await asked(emulator) == ["First", "Hello"]


async def test_a_message_that_the_bridge_has_forgotten_is_not_asked_again(emulator: Emulator, tmp_path: Path) -> None:
    async with desk_of(emulator, Room(), tmp_path, keep_ids=0.2) as (desk, client):
        await desk.visitor_said("c1", "1", "Hello")
        await desk.idle()
        async with asyncio.timeout(20):
            while await client.notes("bridge/test/message/"):
                await asyncio.sleep(0.02)
    async with desk_of(emulator, Room(), tmp_path, keep_ids=0.2) as (desk, _):
        await desk.idle()
    assert await asked(emulator) == ["Hello"]


async def test_who_waits_for_a_person_is_known_for_longer_than_the_transcript(
    emulator: Emulator, tmp_path: Path
) -> None:
    short = {"keep_transcript": 0.2}
    async with desk_of(emulator, Room(), tmp_path, **short) as (desk, _):
        await desk.visitor_said("c1", "1", "human")
        await desk.visitor_said("c2", "1", "Are you there?")
        await desk.taken("c2", "t", BOB)
        await desk.idle()
        async with asyncio.timeout(20):
            while await lines_of(desk) or [line async for line in desk.transcript("c2")]:
                await asyncio.sleep(0.02)
    async with desk_of(emulator, Room(), tmp_path, **short) as (desk, _):
        assert {view.conversation: view.state for view in desk.views()} == {"c1": "waiting", "c2": "person"}
        await desk.closed("c1", "c", BOB)
        await desk.handed_back("c2", "b", BOB)
        await desk.idle()
        # What is over is forgotten with its lines.
        async with asyncio.timeout(20):
            while await desk._core.cases.all():
                await asyncio.sleep(0.02)


async def test_words_to_an_operator_stay_theirs_after_their_line_is_deleted(emulator: Emulator, tmp_path: Path) -> None:
    async with desk_of(emulator, Room(), tmp_path, keep_transcript=0.2) as (desk, _):
        await desk.taken("c1", "t", BOB)
        assert await desk.visitor_said("c1", "s", "Only for Bob")
        async with asyncio.timeout(20):
            while [line async for line in desk.transcript("c1") if line.author == "visitor"]:
                await asyncio.sleep(0.02)
        await desk.handed_back("c1", "b", BOB)
        assert not await desk.visitor_said("c1", "s", "Only for Bob")
        await desk.idle()
    assert await asked(emulator) == []
