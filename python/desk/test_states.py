"""Every cell of the table is what a visitor and an operator see."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from room import BOB, EVE, Room, desk_of
from secondme_avatar.desk import BusinessHours, Desk
from secondme_avatar.desk._states import EVENTS, STATES, TABLE, Cell, Effect, Event, State
from secondme_avatar.testing import Emulator

SAID: dict[Effect, str] = {
    "ask_avatar": "You said: now",
    "tell_late": "No one is here in person at the moment.",
    "tell_timed_out": "I am sorry, no one is free right now.",
    "tell_joined": "has joined and answers you in person.",
    "tell_left": "Bob has left.",
    "tell_back": "answers again.",
    "tell_closed": "This conversation is closed.",
    "tell_place": "You are waiting for a person.",
}


def test_the_table_has_every_cell() -> None:
    assert set(TABLE) == set(EVENTS)
    assert all(set(row) == set(STATES) for row in TABLE.values())


def test_the_avatar_is_stopped_in_each_cell_that_leaves_it_and_asked_in_no_other_state() -> None:
    for row in TABLE.values():
        for state, cell in row.items():
            assert ("stop_avatar" in cell.effects) == (state == "bot" and cell.next != "bot")
            assert "ask_avatar" not in cell.effects or cell.next == "bot"
            assert state == cell.next or "show_state" in cell.effects


async def into(desk: Desk, state: State, conversation: str) -> None:
    """Leads a new conversation into a state."""
    await desk.visitor_said(conversation, "first", "Hello")
    if state == "waiting":
        await desk.queued(conversation, "into")
    elif state == "person":
        await desk.taken(conversation, "into", BOB)
    elif state == "closed":
        await desk.closed(conversation, "into")
    await desk.idle()


def happenings(desk: Desk, conversation: str) -> dict[Event, Callable[[], Awaitable[object]]]:
    def timed(event: Event) -> Callable[[], Awaitable[object]]:
        async def happen() -> None:
            async with desk._core.lanes.of(conversation) as lane:
                await desk._core.apply(lane, event, event, None)

        return happen

    return {
        "visitor_said": lambda: desk.visitor_said(conversation, "e", "now"),
        "visitor_asked": lambda: desk.visitor_said(conversation, "e", "Human!"),
        "visitor_asked_late": lambda: desk.visitor_said(conversation, "e", "Human!"),
        "visitor_went_back": lambda: desk.visitor_said(conversation, "e", "bot"),
        "operator_took": lambda: desk.taken(conversation, "e", EVE),
        "operator_said": lambda: desk.operator_said(conversation, "e", "I am here", EVE),
        "operator_queued": lambda: desk.queued(conversation, "e", EVE),
        "operator_handed_back": lambda: desk.handed_back(conversation, "e", EVE),
        "operator_left": lambda: desk.left(conversation, "e", BOB),
        "closed": lambda: desk.closed(conversation, "e", EVE),
        "reopened": lambda: desk.reopened(conversation, "e", EVE),
        "queue_timed_out": timed("queue_timed_out"),
        "hours_ended": timed("hours_ended"),
    }


async def test_every_cell_does_what_it_says(emulator: Emulator, tmp_path: Path) -> None:
    room = Room()
    always = BusinessHours.always()
    never = BusinessHours("UTC", {"mon": "09:00-10:00"}, holidays=["2026-01-01/2029-01-01"])
    async with desk_of(emulator, room, tmp_path, hours=always) as (desk, _):

        async def cell(event: Event, state: State) -> None:
            conversation = f"{event}-{state}"
            await into(desk, state, conversation)

        cells: list[tuple[Event, State]] = [(event, state) for event in EVENTS for state in STATES]
        await asyncio.gather(*(cell(event, state) for event, state in cells))
        await desk.idle()
        before = {f"{event}-{state}": len(room.texts(f"{event}-{state}")) for event, state in cells}
        views = len(room.views)
        for event, state in cells:
            desk._core._settings.hours = never if event == "visitor_asked_late" else always
            await happenings(desk, f"{event}-{state}")[event]()
        await desk.idle()
        shown = {view.conversation for view in room.views[views:]}
        for event, state in cells:
            conversation = f"{event}-{state}"
            expected: Cell = TABLE[event][state]
            view = await desk.find(conversation)
            assert view is not None
            assert view.state == expected.next, conversation
            new = room.texts(conversation)[before[conversation] :]
            said = [SAID[effect] for effect in expected.effects if effect in SAID]
            assert len(new) == len(said), (conversation, new)
            for text, words in zip(new, said, strict=True):
                assert words in text, conversation
            if "show_state" in expected.effects:
                assert conversation in shown
            handed = [text for noted, text in room.notes if noted == conversation]
            assert len(handed) == (state in ("waiting", "person")) + ("hand_over" in expected.effects), conversation
