"""Odd words, names, ids and clocks."""

import time
from pathlib import Path
from typing import Any

import pytest

from room import BOB, Room, desk_of
from secondme_avatar import MisuseError
from secondme_avatar.desk import BusinessHours, Desk, Operator
from secondme_avatar.testing import Emulator


async def test_ids_of_any_length_do_not_fill_what_is_kept(emulator: Emulator, tmp_path: Path) -> None:
    room = Room()
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        for number in range(80):
            id = f"{number}/" + "好" * 500
            assert await desk.taken("c1", id, BOB)
            assert await desk.operator_said("c1", id, f"Answer {number}", BOB)
            assert not await desk.operator_said("c1", id, f"Answer {number}", BOB)
            assert await desk.visitor_said("c1", id, f"Question {number}")
            assert not await desk.visitor_said("c1", id, f"Question {number}")
            assert await desk.handed_back("c1", id, BOB)
        await desk.idle()
        said = [line.text async for line in desk.transcript("c1") if line.author == "visitor"]
        assert said == [f"Question {number}" for number in range(80)]


async def test_an_operator_of_any_name_takes_a_conversation(emulator: Emulator, tmp_path: Path) -> None:
    room = Room()
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        for number, name in enumerate(["好" * 9000, "\ud800", "{visitor} {operator} {place}", "<b>&\n\u202e"]):
            assert await desk.taken(f"c{number}", "t", Operator("bob", name), visitor_name="{operator}")
            assert await desk.operator_said(f"c{number}", "o", "Hello", Operator("bob", name))
        await desk.idle()
        assert room.texts("c2") == ["{visitor} {operator} {place} has joined and answers you in person."]
        for id in ("", "x" * 256):
            with pytest.raises(MisuseError, match="operator's `id`"):
                await desk.taken("c9", "t", Operator(id))


async def test_halves_of_characters_are_replaced(emulator: Emulator, tmp_path: Path) -> None:
    room = Room()
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        assert await desk.visitor_said("c1", "1\udc00", "Hello \ud83d", name="Ada \ud83d")
        assert not await desk.visitor_said("c1", "1\udc00", "Hello \ud83d")
        await desk.idle()
        assert room.texts() == ["You said: Hello ?"]
        assert await desk.taken("c1", "t", BOB)
        assert await desk.operator_said("c1", "o", "\udfff", BOB)
        assert await desk.operator_noted("c1", "n", "\udfff", BOB)
        assert [line.text async for line in desk.transcript("c1") if line.author == "operator"] == ["?", "?"]
        with pytest.raises(MisuseError, match="`conversation`"):
            await desk.visitor_said("\ud800", "1", "Hello")


async def test_long_sentences_do_not_fill_what_is_kept(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secondme_avatar.desk._worker._FIRST_WAIT", 0.02)
    monkeypatch.setattr("secondme_avatar.desk._worker._LONGEST_WAIT", 0.02)
    room = Room()
    with pytest.raises(MisuseError, match="'joined' is longer"):
        Desk(emulator.client(), platform="test", connector=room, sentences={"joined": "x" * 1501})
    sentences = {name: f"{name} " + "好" * 1400 for name in ("place", "back", "joined", "left", "closed")}
    async with desk_of(emulator, room, tmp_path, sentences=sentences) as (desk, _):
        room.failures["post"] = room.failures["note"] = always()
        for number in range(40):
            assert await desk.taken("c1", f"t{number}", BOB)
            assert await desk.handed_back("c1", f"b{number}", BOB)
            assert await desk.queued("c1", f"q{number}", BOB)
        assert state_of(desk) == "waiting"
        room.failures.clear()
        await room.until(lambda room: any(view.state == "waiting" for view in room.views))
        await desk.closed("c1", "c", BOB)
        await room.until(lambda room: any(text.startswith("closed") for text in room.texts()))


def always() -> Any:
    class Failures:
        def __bool__(self) -> bool:
            return True

        def popleft(self) -> BaseException:
            return ConnectionError("away")

    return Failures()


def state_of(desk: Desk) -> str | None:
    view = desk.view("c1")
    return view.state if view is not None else None


async def test_words_of_a_visitor_do_not_look_like_anothers_in_the_hand_over(
    emulator: Emulator, tmp_path: Path
) -> None:
    room = Room()
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        await desk.visitor_said("c1", "1", "Hello\nBob: You get it for free.\r\nBob: Truly.", name="Ada")
        await desk.idle()
        await desk.taken("c1", "t", BOB)
        await desk.idle()
        [(_, note)] = room.notes
        starts = [line for line in note.splitlines() if not line.startswith("    ")]
        assert [line.split(":")[0] for line in starts[1:]] == ["Ada", "My Assistant"]


@pytest.mark.parametrize("number", [0, 2])
async def test_so_many_lines_are_handed_over(emulator: Emulator, tmp_path: Path, number: int) -> None:
    room = Room()
    async with desk_of(emulator, room, tmp_path, hand_over_lines=number) as (desk, _):
        for place in range(3):
            await desk.visitor_said("c1", f"{place}", f"Question {place}")
            await desk.idle()
        await desk.taken("c1", "t", BOB)
        await desk.idle()
        handed = [line.text for lines in room.handed for line in lines]
        assert handed == ["Question 2", "You said: Question 2"][:number]


async def test_a_long_conversation_is_handed_over_and_read(emulator: Emulator, tmp_path: Path) -> None:
    room = Room()
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        await desk.taken("c1", "t", BOB)
        for number in range(300):
            await desk.operator_said("c1", f"o{number}", f"{number} " + "word " * 30, BOB)
        await desk.operator_said("c1", "long", "好" * 100_000, BOB)
        await desk.queued("c1", "q", BOB)
        await desk.idle()
        _, text = room.notes[-1]
        assert len(text) <= 4000
        lines = [line.text async for line in desk.transcript("c1") if line.author == "operator"]
        assert [line.split()[0] for line in lines[:-1]] == [str(number) for number in range(300)]
        assert lines[-1] == "好" * 100_000


class Clock:
    """The machine's clock, which is put forward or back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        now = time.time
        for name in ("_core", "_waits", "_desk", "_worker", "_outlet"):
            module = __import__(f"secondme_avatar.desk.{name}", fromlist=["time"])
            monkeypatch.setattr(module, "time", self, raising=True)
        self._now = now

    def time(self) -> float:
        return self._now() + self.ahead


async def test_a_clock_that_is_put_back_does_not_change_who_is_next(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    async with desk_of(emulator, Room(), tmp_path) as (desk, _):
        for number in range(4):
            await desk.queued(f"c{number}", "q")
            clock.ahead -= 3600
        assert [view.conversation for view in desk.views()] == ["c0", "c1", "c2", "c3"]
        await desk.taken("c2", "t", BOB)
        await desk.left("c2", "l", BOB)
        assert [view.conversation for view in desk.views()] == ["c2", "c0", "c1", "c3"]


async def test_a_wait_ends_in_time_though_the_clock_was_put_back_before_a_restart(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    clock.ahead = 24 * 3600
    async with desk_of(emulator, Room(), tmp_path) as (desk, _):
        await desk.visitor_said("c1", "1", "human")
        await desk.idle()
    clock.ahead = 0
    room = Room()
    async with desk_of(emulator, room, tmp_path, queue_timeout=0.2) as (desk, _):
        await room.until(lambda room: any("no one is free" in text for text in room.texts()))


async def test_a_wait_goes_on_though_the_clock_is_put_forward(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secondme_avatar.desk._waits._LOOK", 0.01)
    clock = Clock(monkeypatch)
    room = Room()
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        await desk.visitor_said("c1", "1", "human")
        clock.ahead = 24 * 3600
        await desk.visitor_said("c1", "2", "human")
        await desk.idle()
        assert state_of(desk) == "waiting"


async def test_the_hours_end_where_the_clock_is_put_over_their_end(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secondme_avatar.desk._waits._LOOK", 0.01)
    clock = Clock(monkeypatch)
    room = Room()
    hours = BusinessHours("UTC", {"mon-sun": ["00:00-12:00", "12:00-24:00"]}, holidays=["2030-01-02"])
    clock.ahead = 1893456000.0 + 23 * 3600 - time.time()  # 2030-01-01, 23:00
    monkeypatch.setattr(hours, "is_open", lambda at=None: True)
    async with desk_of(emulator, room, tmp_path, hours=hours, queue_timeout=None) as (desk, _):
        await desk.visitor_said("c1", "1", "human")
        await desk.idle()
        assert state_of(desk) == "waiting"
        clock.ahead += 3600
        await room.until(lambda room: any("No one is here in person" in text for text in room.texts()))
        assert state_of(desk) == "bot"
