"""A takeover in mid-reply on a platform that can replace no message: what had been said stands there, once, before what
follows."""

import asyncio
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from room import BOB, Room, asked, desk_of
from secondme_avatar.bridge import Limits
from secondme_avatar.desk import Desk, Post
from secondme_avatar.testing import Emulator

WORDS = " ".join(f"w{number}" for number in range(40))
WHOLE = f"You said: {WORDS}"
ENDED = "(Ended here: a person takes over.)"
JOINED = "Bob has joined and answers you in person."


def room_of(**options: Any) -> Room:
    return Room(can_edit=False, is_forgetful=True, **options)


async def until_heard(desk: Desk, length: int) -> None:
    """Waits until the desk has so much of an answer."""
    async with asyncio.timeout(20):
        while not any(
            len(telling._text) >= length for telling in desk._core.bridge._answerer.endings._telling.values()
        ):
            await asyncio.sleep(0.005)


def cut_of(text: str) -> str:
    """Returns what was said before the mark."""
    assert text.endswith(f"\n\n{ENDED}"), text
    return text.removesuffix(f"\n\n{ENDED}")


@pytest.mark.parametrize("how", ["taken", "asked", "closed"])
async def test_what_the_avatar_had_said_is_shown_before_what_follows(
    emulator: Emulator, tmp_path: Path, how: str
) -> None:
    room = room_of()
    emulator.sync.settings(piece_delay="40ms")
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        await desk.visitor_said("c1", "1", WORDS)
        await until_heard(desk, 20)
        if how == "taken":
            await desk.taken("c1", "t", BOB)
        elif how == "asked":
            await desk.visitor_said("c1", "2", "human")
        else:
            await desk.closed("c1", "t", BOB)
        await room.until(lambda room: len(room.texts()) == 2)
        said, follows = room.texts()
        assert WHOLE.startswith(cut_of(said))
        assert 20 <= len(cut_of(said)) < len(WHOLE)
        assert room.seen[0].author == "avatar"
        assert follows != said
        await desk.idle()
        assert len(room.texts()) == 2
        lines = [line async for line in desk.transcript("c1") if line.author == "avatar"]
        assert [(line.text, line.is_ended, line.is_private) for line in lines] == [(said, True, False)]
    assert await asked(emulator) == [WORDS]


async def test_what_had_been_said_is_in_the_hand_over(emulator: Emulator, tmp_path: Path) -> None:
    room = room_of()
    emulator.sync.settings(piece_delay="40ms")
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        await desk.visitor_said("c1", "1", WORDS)
        await until_heard(desk, 20)
        await desk.taken("c1", "t", BOB)
        await room.until(lambda room: room.handed)
        assert [line.text for line in room.handed[0]] == [WORDS, room.texts()[0]]


async def test_what_is_longer_than_a_message_is_shown_in_several(emulator: Emulator, tmp_path: Path) -> None:
    room = room_of(limits=Limits(max_chars=60))
    emulator.sync.settings(piece_delay="20ms")
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        await desk.visitor_said("c1", "1", WORDS)
        await until_heard(desk, 100)
        await desk.taken("c1", "t", BOB)
        await room.until(lambda room: JOINED in room.texts())
        *said, joined = room.texts()
        assert joined == JOINED
        assert len(said) >= 3
        assert all(len(text) <= 60 for text in said)
        assert WHOLE.startswith(cut_of("".join(said)))


async def test_words_of_the_owner_that_are_longer_than_a_message_have_one_head(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secondme_avatar.bridge._telling._FIRST_WAIT", 0.01)
    room = room_of(limits=Limits(max_chars=60))
    post = room.post
    rule = {"when": "any", "then": [{"owner": {"says": WORDS}}]}
    emulator.sync.settings(brain={"script": {"rules": [rule]}})
    async with desk_of(emulator, room, tmp_path, owner_name="Ada") as (desk, _):

        async def away(conversation: str, said: Post) -> str | None:
            if said.author == "owner" and desk.views()[0].state == "bot":
                room.held = True
                room.changed.set()
                raise ConnectionError("away")
            return await post(conversation, said)

        room.post = away  # type: ignore[method-assign]
        await desk.visitor_said("c1", "1", "Hello")
        await room.until(lambda room: room.held)
        await desk.taken("c1", "t", BOB)
        await room.until(lambda room: JOINED in room.texts())
        *said, joined = room.texts()
        assert joined == JOINED
        assert len(said) >= 3
        assert all(len(text) <= 60 for text in said)
        assert "".join(said) == f"👤 Ada, in person:\n{WORDS}"
        lines = [line.text async for line in desk.transcript("c1") if line.author == "owner"]
        assert "".join(lines) == WORDS


async def test_a_reply_that_is_on_its_way_comes_before_the_operator_and_once(
    emulator: Emulator, tmp_path: Path
) -> None:
    room = room_of()
    goes_on, post = asyncio.Event(), room.post

    async def held(conversation: str, said: Post) -> str | None:
        if said.author == "avatar":
            room.held = True
            room.changed.set()
            await goes_on.wait()
        return await post(conversation, said)

    room.post = held  # type: ignore[method-assign]
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        await desk.visitor_said("c1", "1", "Hello")
        await room.until(lambda room: room.held)
        await desk.taken("c1", "t", BOB)
        goes_on.set()
        await desk.idle()
        assert room.texts() == ["You said: Hello", JOINED]
        lines = [(line.text, line.is_ended) async for line in desk.transcript("c1") if line.author == "avatar"]
        assert lines == [("You said: Hello", False)]


async def test_a_whole_reply_that_the_platform_did_not_take_is_shown_without_a_mark(
    emulator: Emulator, tmp_path: Path
) -> None:
    room = room_of()
    room.failures["post"] = deque([ConnectionError("away")])
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        await desk.visitor_said("c1", "1", "Hello")
        await room.until(lambda room: not room.failures["post"])
        await desk.taken("c1", "t", BOB)
        await desk.idle()
        assert room.texts() == ["You said: Hello", JOINED]


async def test_what_had_been_said_is_shown_after_a_restart(emulator: Emulator, tmp_path: Path) -> None:
    room = room_of()
    emulator.sync.settings(piece_delay="40ms")
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        await desk.visitor_said("c1", "1", WORDS)
        await until_heard(desk, 20)
        room.failures["post"] = deque([ConnectionError("away")] * 100)
        await desk.taken("c1", "t", BOB)
        await desk.close(deadline=0)
        assert room.texts() == []
    again = room_of()
    async with desk_of(emulator, again, tmp_path) as (desk, _):
        await desk.idle()
        said, joined = again.texts()
        assert WHOLE.startswith(cut_of(said))
        assert joined == JOINED
    assert await asked(emulator) == [WORDS]


@pytest.mark.parametrize("is_dealt_with", [False, True])
async def test_what_had_been_said_is_kept_where_the_store_takes_the_takeover_later(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_dealt_with: bool
) -> None:
    room = room_of()
    emulator.sync.settings(piece_delay="40ms")
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        await desk.visitor_said("c1", "1", WORDS)
        await until_heard(desk, 20)
        save, failures = desk._core.cases.save, deque([OSError("the store is away")])

        async def failing(case: Any) -> None:
            if failures:
                raise failures.popleft()
            await save(case)

        monkeypatch.setattr(desk._core.cases, "save", failing)
        with pytest.raises(OSError, match="away"):
            await desk.taken("c1", "t", BOB)
        if is_dealt_with:
            # The bridge has nothing under way any more, of which it could tell again.
            await desk.idle()
            assert room.texts() == []
        assert await desk.taken("c1", "t", BOB)
        await desk.idle()
        said, joined = room.texts()
        assert WHOLE.startswith(cut_of(said))
        assert joined == JOINED


async def test_before_the_first_word_nothing_is_shown(emulator: Emulator, tmp_path: Path) -> None:
    room = room_of()
    emulator.sync.settings(reply_delay="5s")
    async with desk_of(emulator, room, tmp_path) as (desk, _):
        await desk.visitor_said("c1", "1", WORDS)
        await emulator.wait_until(lambda state: state["sessions"] and state["sessions"][0]["busy"])
        await desk.taken("c1", "t", BOB)
        await room.until(lambda room: room.texts())
        assert room.texts() == [JOINED]
