"""What a desk keeps in memory, and what it lets go of."""

import gc
import tracemalloc
from pathlib import Path

import pytest

from room import BOB, Room, asked, desk_of
from secondme_avatar.desk import Desk
from secondme_avatar.testing import Emulator


async def lived_through(desk: Desk, conversation: str) -> None:
    """A conversation from its first word to its end."""
    await desk.taken(conversation, "t", BOB, visitor_name=f"Visitor {conversation}")
    for number in range(4):
        await desk.visitor_said(conversation, f"v{number}", f"Question {number} of {conversation}")
        await desk.operator_said(conversation, f"o{number}", f"Answer {number} to {conversation}", BOB)
    await desk.closed(conversation, "c", BOB)


async def test_conversations_that_are_over_leave_no_memory_behind(emulator: Emulator, tmp_path: Path) -> None:
    room = Room()
    async with desk_of(emulator, room, tmp_path) as (desk, _):

        async def many(first: int, number: int) -> int:
            for conversation in range(first, first + number):
                await lived_through(desk, f"c{conversation}")
            await desk.idle()
            # The platform in memory is no part of the desk.
            for kept in (room.seen, room.notes, room.handed, room.views, room._keys, room.let_go_of):
                kept.clear()
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        try:
            before = await many(0, 20)
            after = await many(20, 100)
        finally:
            tracemalloc.stop()
        assert len(desk._core.lanes) == 0
        # One that stayed would be some 5 KB.
        assert after - before < 100 * 500
        print(f"\n100 conversations opened and closed: {after - before} bytes more")


async def test_a_closed_conversation_is_read_again_when_it_is_needed(emulator: Emulator, tmp_path: Path) -> None:
    room = Room()
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        await desk.visitor_said("c1", "1", "Hello", name="Ada")
        await desk.idle()
        await desk.taken("c1", "t", BOB)
        await desk.visitor_said("c1", "2", "To Bob alone")
        await desk.closed("c1", "c", BOB)
        await desk.idle()
        assert desk.view("c1") is None
        assert room.let_go_of == ["c1"]
        found = await desk.find("c1")
        assert found is not None
        assert (found.state, found.visitor_name) == ("closed", "Ada")
        assert len(desk._core.lanes) == 0
        # What comes again is known.
        assert not await desk.taken("c1", "t", BOB)
        assert not await desk.closed("c1", "c", BOB)
        assert not await desk.visitor_said("c1", "2", "To Bob alone")
        said = [line.text async for line in desk.transcript("c1") if line.author == "visitor"]
        assert said == ["Hello", "To Bob alone"]
        assert await desk.visitor_said("c1", "3", "Me again")
        await desk.idle()
        assert room.texts()[-1] == "You said: Me again"
        assert await desk.find("unknown") is None
        assert len(desk._core.lanes) == 1
    assert await asked(emulator) == ["Hello", "Me again"]


async def test_what_the_owner_says_to_a_visitor_whose_conversation_is_closed_arrives(
    emulator: Emulator, tmp_path: Path
) -> None:
    room = Room()
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        await desk.visitor_said("c1", "1", "Hello")
        await desk.idle()
        await desk.closed("c1", "c", BOB)
        await desk.idle()
        assert len(desk._core.lanes) == 0
        session = (await emulator.state())["sessions"][0]["sessionId"]
        await emulator.owner_reply(session, "One more thing")
        await room.until(lambda room: any("One more thing" in text for text in room.texts()))
        await desk.idle()
        found = await desk.find("c1")
        assert found is not None
        assert found.state == "closed"


async def test_closed_conversations_stay_in_the_store_over_a_restart(emulator: Emulator, tmp_path: Path) -> None:
    async with desk_of(emulator, Room(), tmp_path) as (desk, _):
        for number in range(3):
            await lived_through(desk, f"c{number}")
        await desk.idle()
    async with desk_of(emulator, Room(), tmp_path) as (desk, _):
        assert len(desk._core.lanes) == 0
        assert desk.views() == []
        found = [await desk.find(f"c{number}") for number in range(3)]
        assert [view and view.state for view in found] == ["closed"] * 3


async def test_of_idle_conversations_of_the_avatar_the_last_stay_in_memory(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secondme_avatar.desk._lanes._MOST_IDLE", 3)
    room = Room()
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        await desk.visitor_said("waits", "1", "human")
        for number in range(6):
            await desk.visitor_said(f"c{number}", "1", "Hello")
            await desk.idle()
        assert [view.conversation for view in desk.views()] == ["waits", "c4", "c5"]
        assert await desk.visitor_said("c0", "2", "Me again")
        assert not await desk.visitor_said("c1", "1", "Hello")
        await desk.idle()
        assert room.texts("c0") == ["You said: Hello", "You said: Me again"]
        assert room.texts("c1") == ["You said: Hello"]
    async with desk_of(emulator, Room(), tmp_path) as (desk, _):
        assert len(desk.views()) == 3
        assert desk.views()[0].conversation == "waits"


async def test_what_is_forgotten_is_gone_and_begins_anew(emulator: Emulator, tmp_path: Path) -> None:
    room = Room()
    emulator.sync.settings(piece_delay="40ms")
    async with desk_of(emulator, room, tmp_path) as (desk, client):
        await desk.visitor_said("c1", "1", "human", name="Ada Lovelace")
        await desk.visitor_said("c2", "1", " ".join(["word"] * 40), name="Ada Lovelace")
        await room.until(lambda room: room.texts("c2"))
        for conversation in ("c1", "c2", "never"):
            await desk.forget(conversation)
        assert desk.views() == []
        assert [line async for line in desk.transcript("c1")] == []
        assert [note.key for note in await client.notes("") if "Lovelace" in note.text] == []
        assert await desk.visitor_said("c1", "1", "Hello")
        await desk.idle()
        assert room.texts("c1")[-1] == "You said: Hello"
        assert room.texts("c2") == room.texts("c2")[:1]
