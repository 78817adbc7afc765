"""What a bridge goes on with that an earlier one has left, against the emulator and a platform in memory."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from place import Place
from secondme_avatar import AvatarClient, Conversation, ReplyStream, Visitor
from secondme_avatar.bridge import Bridge, IncomingMessage, Limits, PlatformUser, RetryLater
from secondme_avatar.bridge._remembered import Remembered
from secondme_avatar.testing import Emulator

ADA = Visitor.for_user("test", "ada")


@asynccontextmanager
async def bridged(
    emulator: Emulator, place: Place, path: Path, **options: Any
) -> AsyncIterator[tuple[AvatarClient, Bridge]]:
    options = {"platform": "test", "outlet": place, "on_error": lambda *_: None, **options}
    async with emulator.client(store=path / "bot.db") as client, Bridge(client, **options) as bridge:
        yield client, bridge


def said(id: str, text: str) -> IncomingMessage:
    return IncomingMessage(id=id, user=PlatformUser("ada"), address="room", text=text)


async def killed(bridge: Bridge, client: AvatarClient) -> None:
    """Ends a bridge as a kill does: nothing is finished."""
    await bridge.close(deadline=0)


async def asked(emulator: Emulator) -> list[str]:
    """What the visitors' messages in the service are, in order."""
    sessions = (await emulator.state())["sessions"]
    return [m["text"] for session in sessions for m in session["messages"] if m["author"] == "visitor"]


async def test_a_duplicate_is_known_after_a_restart(emulator: Emulator, tmp_path: Path) -> None:
    place = Place()
    for _ in range(2):
        async with bridged(emulator, place, tmp_path) as (_, bridge):
            await bridge.receive(said("1", "Hello"))
            await bridge.idle()
    assert place.texts() == ["You said: Hello"]


@pytest.mark.usefixtures("looks_often")
async def test_what_was_accepted_and_not_asked_is_asked_once(emulator: Emulator, tmp_path: Path) -> None:
    place = Place()
    emulator.sync.settings(reply_delay="60s")
    async with bridged(emulator, place, tmp_path) as (client, bridge):
        await bridge.receive(said("1", "first"))
        await bridge.receive(said("2", "second"))
        await emulator.wait_until(lambda state: any(session["messages"] for session in state["sessions"]))
        await killed(bridge, client)
    emulator.sync.settings(reply_delay="0ms")
    emulator.sync.advance(61)
    async with bridged(emulator, place, tmp_path) as (_, bridge):
        await bridge.idle()
    assert place.texts() == ["You said: first", "You said: second"]
    assert await asked(emulator) == ["first", "second"]


@pytest.mark.parametrize("can_reopen", [True, False])
async def test_an_answer_that_was_growing_is_finished_where_it_stands(
    emulator: Emulator, tmp_path: Path, can_reopen: bool
) -> None:
    place = Place(Limits(max_chars=4000, update_interval=0.01), can_tell_recent=True)
    place.can_reopen = can_reopen
    emulator.sync.settings(piece_delay="100ms")
    async with bridged(emulator, place, tmp_path) as (client, bridge):
        await bridge.receive(said("1", "one two three four five six seven eight nine ten"))
        await place.until(lambda place: place.messages and len(place.messages[0].texts) > 2)
        await killed(bridge, client)
    assert not place.messages[0].is_finished
    async with bridged(emulator, place, tmp_path) as (_, bridge):
        await bridge.idle()
    whole = "You said: one two three four five six seven eight nine ten"
    assert place.texts()[-1] == whole
    assert len(place.texts()) == (1 if can_reopen else 2)
    assert await asked(emulator) == ["one two three four five six seven eight nine ten"]


@pytest.mark.usefixtures("looks_often")
async def test_a_post_of_unknown_fate_is_looked_for_after_a_restart(emulator: Emulator, tmp_path: Path) -> None:
    place = Place(can_tell_recent=True)
    never = asyncio.Event()
    async with bridged(emulator, place, tmp_path) as (client, bridge):
        # The platform takes the message, and its answer never comes.
        place.answers = lambda name: never if name in ("open", "post") else None
        await bridge.receive(said("1", "Hello"))
        await place.until(lambda place: place.messages)
        await killed(bridge, client)
    place.answers = lambda _: None
    async with bridged(emulator, place, tmp_path) as (_, bridge):
        await bridge.idle()
    assert place.texts() == ["You said: Hello"]


@pytest.mark.usefixtures("looks_often")
async def test_a_post_that_may_have_been_carried_out_is_told_to_the_platform_under_the_same_key(
    emulator: Emulator, tmp_path: Path
) -> None:
    place = Place(can_open=False)
    never = asyncio.Event()
    async with bridged(emulator, place, tmp_path) as (client, bridge):
        place.failures = {"post": deque([RetryLater(0.01), OSError("the answer is lost")])}
        place.answers = lambda _: never
        await bridge.receive(said("1", "Hello"))
        await place.until(lambda place: place.messages)
        await killed(bridge, client)
    place.answers, place.failures = lambda _: None, {}
    async with bridged(emulator, place, tmp_path) as (_, bridge):
        await bridge.idle()
    assert [details.is_repeated for details in place.details] == [False, False, True, True]
    assert len({details.key for details in place.details}) == 1


async def test_the_owner_is_heard_once_though_no_visitor_writes_after_a_restart(
    emulator: Emulator, tmp_path: Path
) -> None:
    place = Place()
    async with bridged(emulator, place, tmp_path) as (client, bridge):
        await bridge.receive(said("1", "Hello"))
        await bridge.idle()
        session = (await client.open(ADA)).session_id
    assert session is not None
    await emulator.owner_reply(session, "I am back")
    for _ in range(2):
        async with bridged(emulator, place, tmp_path, owner_name="Ada") as (_, bridge):
            await place.until(lambda place: len(place.messages) == 2)
            await bridge.idle()
    assert place.texts() == ["You said: Hello", "👤 Ada, in person:\nI am back"]


async def test_a_long_question_outlives_a_restart_whole(emulator: Emulator, tmp_path: Path) -> None:
    text = "好好 100 yuan 😀 " * 800
    place = Place(Limits(max_chars=100_000, update_interval=0.01))
    emulator.sync.fault({"at": "message/send", "do": "hang-before", "times": 1})
    async with bridged(emulator, place, tmp_path) as (client, bridge):
        await bridge.receive(said("1", text))
        await killed(bridge, client)
    emulator.sync.clear_faults()
    async with bridged(emulator, place, tmp_path) as (_, bridge):
        await bridge.idle()
    assert place.texts() == [f"You said: {text.strip()}"]
    assert await asked(emulator) == [text.strip()]


@pytest.mark.usefixtures("looks_often")
async def test_an_answer_that_was_shown_before_is_not_taken_for_another_s(emulator: Emulator, tmp_path: Path) -> None:
    place = Place(can_open=False, can_tell_recent=True)
    place.failures = {"post": deque([RetryLater(60)])}
    async with bridged(emulator, place, tmp_path) as (client, bridge):
        await bridge.receive(IncomingMessage(id="1", user=PlatformUser("bob"), address="room", text="Hello"))
        async with asyncio.timeout(20):
            while place.failures["post"]:
                await asyncio.sleep(0)
            await bridge.receive(said("2", "Hello"))
            while '"done"' not in (await client.note(ADA, "bridge/test/message/2") or ""):
                await asyncio.sleep(0)
        await killed(bridge, client)
    assert place.texts() == ["You said: Hello"]
    async with bridged(emulator, place, tmp_path) as (_, bridge):
        await bridge.idle()
    assert place.texts() == ["You said: Hello", "You said: Hello"]


def test_the_newest_of_what_is_remembered_are_known() -> None:
    known = Remembered(str(number) for number in range(10_000))
    known.add("0")
    known.add("10000")
    assert [value in known for value in ("0", "1", "2", "10000")] == [True, False, True, True]
    assert len(known) == 10_000


async def test_a_question_is_asked_when_the_store_has_the_session(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    set_note, stream = AvatarClient.set_note, Conversation.stream

    async def noted(self: AvatarClient, visitor: Visitor, key: str, *rest: Any, **more: Any) -> None:
        await set_note(self, visitor, key, *rest, **more)
        done.append(key)

    def streamed(self: Conversation, *arguments: Any, **more: Any) -> ReplyStream:
        done.append("asked")
        return stream(self, *arguments, **more)

    monkeypatch.setattr(AvatarClient, "set_note", noted)
    monkeypatch.setattr(Conversation, "stream", streamed)
    async with bridged(emulator, Place(can_open=False), tmp_path) as (_, bridge):
        await bridge.receive(said("1", "Hello"))
        await bridge.idle()
    assert "bridge/test/message/1" in done[: done.index("asked")]
