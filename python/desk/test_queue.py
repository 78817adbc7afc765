"""The queue: places, time-outs, hours, and the way back."""

import asyncio
from pathlib import Path

from room import BOB, EVE, Room, asked, desk_of
from secondme_avatar.desk import BusinessHours, Desk
from secondme_avatar.testing import Emulator


def places(desk: Desk) -> dict[str, int | None]:
    return {view.conversation: view.place for view in desk.views()}


async def test_places_move_up_and_the_message_that_tells_them_too(emulator: Emulator, tmp_path: Path) -> None:
    room = Room()
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        for number in range(3):
            await desk.visitor_said(f"c{number}", "1", "!human", name=f"Visitor {number}")
        await desk.idle()
        assert places(desk) == {"c0": 1, "c1": 2, "c2": 3}
        assert room.texts("c2") == ["You are waiting for a person. Your place in the queue: 3."]
        await desk.taken("c0", "t", BOB)
        await desk.idle()
        assert places(desk) == {"c1": 1, "c2": 2, "c0": None}
        assert room.texts("c2") == ["You are waiting for a person. Your place in the queue: 2."]
        await desk.visitor_said("c1", "2", "bot")
        await desk.idle()
        assert room.texts("c2") == ["You are waiting for a person. Your place in the queue: 1."]
        assert room.texts("c1")[1:] == ["The assistant answers again."]


async def test_one_whom_an_operator_has_left_is_the_next(emulator: Emulator, tmp_path: Path) -> None:
    room = Room()
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        await desk.taken("c1", "t", BOB)
        await desk.visitor_said("c2", "1", "human")
        assert not await desk.left("c1", "l0", EVE)
        assert await desk.left("c1", "l", BOB)
        assert places(desk) == {"c1": 1, "c2": 2}
        await desk.idle()
        assert room.texts("c1")[-2:] == ["Bob has left.", "You are waiting for a person. Your place in the queue: 1."]


async def test_a_wait_that_takes_too_long_goes_back_to_the_avatar(emulator: Emulator, tmp_path: Path) -> None:
    room = Room()
    async with desk_of(emulator, room, tmp_path, queue_timeout=0.3) as (desk, _):
        await desk.visitor_said("c1", "1", "human")
        await desk.visitor_said("c1", "2", "is someone there?")
        await room.until(lambda room: any("no one is free" in text for text in room.texts()))
        await desk.visitor_said("c1", "3", "Then you, please")
        await desk.idle()
        assert room.texts()[-1] == "You said: Then you, please"
        assert await asked(emulator) == ["Then you, please"]


async def test_the_time_of_a_wait_goes_on_over_a_restart(emulator: Emulator, tmp_path: Path) -> None:
    room = Room()
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        await desk.visitor_said("c1", "1", "human")
        await desk.idle()
    again = Room()
    async with desk_of(emulator, again, tmp_path, queue_timeout=0.01) as (desk, _):
        await again.until(lambda room: any("no one is free" in text for text in room.texts()))
        view = desk.view("c1")
        assert view is not None
        assert view.state == "bot"


async def test_out_of_hours_the_avatar_stays_and_says_when_people_are_there(emulator: Emulator, tmp_path: Path) -> None:
    room = Room()
    hours = BusinessHours("UTC", {"mon": "09:00-10:00"}, holidays=["2026-01-01/2029-01-01"])
    async with desk_of(emulator, room, tmp_path, hours=hours) as (desk, _):
        await desk.visitor_said("c1", "1", "human")
        await desk.visitor_said("c1", "2", "Hello")
        await desk.idle()
        late, answer = room.texts()
        assert late.startswith("No one is here in person at the moment. ")
        assert answer == "You said: Hello"


async def test_hands_that_come_at_once_are_one_takeover(emulator: Emulator, tmp_path: Path) -> None:
    room = Room()
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        await desk.visitor_said("c1", "1", "human")
        await asyncio.gather(*(desk.taken("c1", f"t{number}", BOB) for number in range(5)))
        await desk.idle()
        assert room.texts()[1:] == ["Bob has joined and answers you in person."]
        await desk.taken("c1", "e", EVE)
        await desk.idle()
        assert room.texts()[2:] == ["Bob has left.", "Eve has joined and answers you in person."]


async def test_of_two_operators_who_take_at_once_the_visitor_reads_who_has_it(
    emulator: Emulator, tmp_path: Path
) -> None:
    room = Room()
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        await desk.visitor_said("c1", "1", "human")
        told = await asyncio.gather(
            desk.taken("c1", "t1", BOB),
            desk.operator_said("c1", "o1", "I have it", EVE),
            desk.taken("c1", "t2", EVE),
            desk.operator_said("c1", "o2", "No, I", BOB),
        )
        assert told == [True] * 4
        await desk.idle()
        assert room.texts()[1:] == [
            "Bob has joined and answers you in person.",
            "Bob has left.",
            "Eve has joined and answers you in person.",
        ]
        said = [(line.name, line.text) async for line in desk.transcript("c1") if line.author == "operator"]
        assert said == [("Eve", "I have it"), ("Bob", "No, I")]
        view = desk.view("c1")
        assert view is not None
        assert view.operator == EVE


async def test_what_is_written_before_a_hand_back_is_the_operators_and_after_it_the_avatars(
    emulator: Emulator, tmp_path: Path
) -> None:
    room = Room()
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        await desk.taken("c1", "t", BOB)
        await asyncio.gather(
            desk.visitor_said("c1", "1", "For Bob"),
            desk.handed_back("c1", "b", BOB),
            desk.visitor_said("c1", "2", "For the avatar"),
        )
        await desk.idle()
        assert room.texts()[1:] == ["Bob has left.", "The assistant answers again.", "You said: For the avatar"]
    assert await asked(emulator) == ["For the avatar"]
