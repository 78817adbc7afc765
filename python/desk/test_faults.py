"""What goes wrong at a desk, and what a visitor and the operators then see."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from room import BOB, Room, asked, desk_of
from secondme_avatar import AvatarClient
from secondme_avatar.bridge import Limits
from secondme_avatar.desk import Desk
from secondme_avatar.testing import Emulator

LONG = " ".join(f"w{number}" for number in range(40))
ENDED = "(Ended here: a person takes over.)"
JOINED = "Bob has joined and answers you in person."


class Away(OSError):
    """The disk does not answer."""


def failing(client: AvatarClient, monkeypatch: pytest.MonkeyPatch, which: Callable[[str], bool]) -> list[str]:
    """Has the first note of this kind fail to be written, and returns the keys that failed."""
    failed: list[str] = []
    set_note = client.set_note

    async def once(visitor: Any, key: str, text: str, **options: Any) -> None:
        if not failed and which(key):
            failed.append(key)
            raise Away("the store is away")
        await set_note(visitor, key, text, **options)

    monkeypatch.setattr(client, "set_note", once)
    return failed


def state_of(desk: Desk, conversation: str = "c1") -> str | None:
    view = desk.view(conversation)
    return view.state if view is not None else None


@pytest.mark.parametrize("name", ["好" * 256, "x" * 5000, "", "\ud800"])
async def test_a_name_of_any_length_is_a_visitors(emulator: Emulator, tmp_path: Path, name: str) -> None:
    room = Room()
    for number in range(2):
        async with desk_of(emulator, room, tmp_path) as (desk, _):
            assert await desk.visitor_said("c1", f"a{number}", f"Hello {number}", name=name)
            assert await desk.taken("c2", f"b{number}", BOB, visitor_name=name) == (number == 0)
            await desk.idle()
            assert room.texts("c1")[-1] == f"You said: Hello {number}"
            assert room.texts("c2") == [JOINED]
            names = [line.name async for line in desk.transcript("c1") if line.author == "visitor"]
            assert all(len((said or "").encode()) <= 512 for said in names)


async def test_a_platform_that_takes_nothing_for_long_does_not_stop_a_conversation(
    emulator: Emulator, tmp_path: Path
) -> None:
    room = Room()
    async with desk_of(emulator, room, tmp_path, patience=0.0) as (desk, _):
        holds = asyncio.Event()
        post = room.post

        async def held(*given: Any) -> str | None:
            await holds.wait()
            return await post(*given)

        room.post = held  # type: ignore[method-assign]
        for number in range(120):
            assert await desk.visitor_said("c1", f"same{number}", "human")
        assert len(desk._core.lanes["c1"].case.out) < 5
        for number in range(60):
            assert await desk.visitor_said("c1", f"turn{number}", ("bot", "human")[number % 2])
        assert state_of(desk) == "waiting"
        holds.set()
        await desk.idle()
        assert room.texts()[-1] == "You are waiting for a person. Your place in the queue: 1."


class Later(Room):
    """A platform on which an operator has come in while the desk was away."""

    async def catch_up(self) -> None:
        await self.desk.taken("c1", "t", BOB)


async def test_a_long_reply_is_ended_where_it_stands_and_long_words_of_the_owner_are_told(
    emulator: Emulator, tmp_path: Path
) -> None:
    limits = Limits(max_chars=20_000, update_interval=0.01)
    first, room = Room(limits=limits), Later(limits=limits)
    emulator.sync.settings(piece_delay="2ms")
    async with desk_of(emulator, first, tmp_path) as (desk, _):
        await desk.visitor_said("c1", "1", "好" * 8000)
        await first.until(lambda room: room.seen and len(room.seen[0].text) > 5500)
        await desk.close(deadline=0)
    room.seen, room._keys = first.seen, first._keys
    errors: list[BaseException] = []
    async with desk_of(emulator, room, tmp_path, on_error=lambda error, _: errors.append(error)) as (desk, _):
        await room.until(lambda room: room.texts()[0].endswith(ENDED) and JOINED in room.texts())
        session = (await emulator.state())["sessions"][0]["sessionId"]
        await emulator.owner_reply(session, "好" * 6000)
        await room.until(lambda room: any(text.endswith("\n" + "好" * 6000) for _, text in room.notes))
        await desk.idle()
    assert errors == []


async def test_words_that_come_again_after_restarts_stay_an_operators(emulator: Emulator, tmp_path: Path) -> None:
    async with desk_of(emulator, Room(), tmp_path) as (desk, _):
        await desk.taken("c1", "t", BOB)
        assert await desk.visitor_said("c1", "s", "Only for Bob")
        await desk.handed_back("c1", "b", BOB)
        await desk.idle()
    for _ in range(2):
        async with desk_of(emulator, Room(), tmp_path) as (desk, _):
            assert not await desk.visitor_said("c1", "s", "Only for Bob")
            await desk.idle()
    assert await asked(emulator) == []


async def test_an_operators_words_that_come_again_late_take_nothing(emulator: Emulator, tmp_path: Path) -> None:
    async with desk_of(emulator, Room(), tmp_path) as (desk, _):
        await desk.taken("c1", "t", BOB)
        for number in range(70):
            assert await desk.operator_said("c1", f"o{number}", "Hello", BOB)
        await desk.handed_back("c1", "b", BOB)
        assert not await desk.operator_said("c1", "o0", "Hello", BOB)
        assert state_of(desk) == "bot"


@pytest.mark.parametrize("kind", ["bridge/test/message", "desk/test/conversation"])
async def test_a_takeover_that_the_store_did_not_take_happens_when_it_is_told_again(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    room = Room()
    emulator.sync.settings(piece_delay="60ms")
    async with desk_of(emulator, room, tmp_path) as (desk, client):
        await desk.visitor_said("c1", "1", LONG)
        await room.until(lambda room: room.seen and len(room.seen[0].texts) > 2)
        failed = failing(client, monkeypatch, lambda key: key.startswith(kind))
        with pytest.raises(Away):
            await desk.taken("c1", "t", BOB)
        assert failed
        assert state_of(desk) == "bot"
        assert await desk.taken("c1", "t", BOB)
        await desk.idle()
        assert room.texts()[-1] == JOINED
        assert room.texts()[0].endswith(ENDED)
    async with desk_of(emulator, Room(), tmp_path) as (desk, _):
        assert state_of(desk) == "person"
        await desk.idle()
    assert await asked(emulator) == [LONG]


async def test_the_end_of_a_wait_that_the_store_did_not_take_comes_later(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secondme_avatar.desk._waits._AGAIN", 0.01)
    room = Room()
    async with desk_of(emulator, room, tmp_path, queue_timeout=1.0) as (desk, client):
        await desk.visitor_said("c1", "1", "human")
        await room.until(lambda room: room.notes)
        await desk.idle()
        failed = failing(client, monkeypatch, lambda key: key == "desk/test/conversation")
        await room.until(lambda room: any("no one is free" in text for text in room.texts()))
        assert failed
        assert state_of(desk) == "bot"


class Slow(Room):
    """A platform that takes its time to tell what happened while the desk was away."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = asyncio.Event()

    async def catch_up(self) -> None:
        await self.goes_on.wait()
        await self.desk.taken("c1", "t1", BOB)


async def test_while_the_connector_catches_up_the_desk_hears_and_shows_and_ends_nothing(
    emulator: Emulator, tmp_path: Path
) -> None:
    async with desk_of(emulator, Room(), tmp_path) as (desk, _):
        await desk.visitor_said("c1", "1", "human")
        await desk.idle()
    room = Slow()
    async with desk_of(emulator, room, tmp_path, queue_timeout=0.0) as (desk, _):
        assert await desk.visitor_said("c2", "1", "Hello")
        assert await desk.visitor_said("c1", "2", "Anyone?")
        assert room.views == []
        assert room.texts("c2") == []
        room.goes_on.set()
        await desk.idle()
        assert {view.state for view in room.views if view.conversation == "c1"} == {"person"}
        assert room.texts("c1") == [JOINED]
        assert room.texts("c2") == ["You said: Hello"]


async def test_a_desk_is_closed_while_its_connector_catches_up(emulator: Emulator, tmp_path: Path) -> None:
    async with asyncio.timeout(4), desk_of(emulator, Slow(), tmp_path) as (desk, _):
        assert await desk.visitor_said("c2", "1", "Hello")
        await desk.close(deadline=0)


async def test_an_operator_who_comes_before_the_first_word_is_the_only_one_who_speaks(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room()
    emulator.sync.settings(piece_delay="60ms")
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        cases = desk._core.cases
        set_line = cases.set_line

        async def then_taken(case: Any, line: Any, *growing: Any) -> None:
            await set_line(case, line, *growing)
            if line.author == "avatar" and state_of(desk) == "bot":
                await desk.taken("c1", "t", BOB)

        monkeypatch.setattr(cases, "set_line", then_taken)
        await desk.visitor_said("c1", "1", LONG)
        await room.until(lambda room: JOINED in room.texts())
        await desk.idle()
        assert room.texts() == [JOINED]
        shown = [line.author async for line in desk.transcript("c1") if not line.is_private]
        assert shown == ["visitor", "desk"]
