"""Cancellation, loops, callbacks."""

import asyncio
import gc
import json
import logging
import random
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import uvloop

from secondme_avatar import (
    AvatarClient,
    ClosedEvent,
    Conversation,
    Event,
    Events,
    MisuseError,
    OwnerReplyEvent,
    UnknownEvent,
    Visitor,
    sync,
)
from secondme_avatar._queues import LoopQueue
from secondme_avatar.testing import Emulator
from waiting import PATIENCE, until

STORM = 5_000


async def test_a_storm_of_cancelled_waits_loses_no_event(chat: Conversation, emulator: Emulator) -> None:
    events = chat.events()
    await answer_with_frames(emulator, STORM // 5)
    seen: list[str] = []
    cancelled = 0

    async def listen() -> None:
        nonlocal cancelled
        while len(seen) < STORM:
            waiting = asyncio.ensure_future(anext(events))
            for _ in range(random.randrange(4)):
                await asyncio.sleep(0)
            if waiting.cancel():
                cancelled += 1
            try:
                event = await waiting
            except asyncio.CancelledError:
                continue
            if event.type == "unknown":
                seen.append(event.raw or "")

    listening = asyncio.create_task(listen())
    for burst in range(1, 6):
        await chat.send("Go on")
        # The emulator cuts a socket for which more than 1,024 frames wait, and nothing brings these again.
        async with asyncio.timeout(60):
            while len(seen) < burst * (STORM // 5) and not listening.done():
                await asyncio.sleep(0.001)
    await listening
    assert [json.loads(raw)["n"] for raw in seen] == [*range(STORM // 5)] * 5
    assert cancelled > 0
    # Those that were cancelled left nothing behind.
    assert not LoopQueue.current()._waiting


async def answer_with_frames(emulator: Emulator, count: int) -> None:
    """Lets so many frames come for each message."""
    frames = [{"frame": {"type": "news", "n": n}} for n in range(count)]
    await emulator.settings(brain={"script": {"rules": [{"when": "any", "then": frames}]}})


async def test_two_who_share_a_subscription_get_each_event_once(chat: Conversation, emulator: Emulator) -> None:
    events = chat.events()
    seen: list[str | None] = []

    async def listen() -> None:
        async for event in events:
            seen.append(event.raw)
            await asyncio.sleep(0)
            if len(seen) == 60:
                events.close()

    listeners = [asyncio.create_task(listen()) for _ in range(3)]
    for n in range(60):
        await emulator.push(chat, frame={"type": "news", "n": n})
    await asyncio.wait_for(asyncio.gather(*listeners), PATIENCE)
    assert len(seen) == len(set(seen)) == 60


async def test_cancelling_a_call_drops_its_work_at_once(chat: Conversation, emulator: Emulator) -> None:
    await emulator.settings(reply_delay="60m")
    first = asyncio.create_task(chat.ask("first"))
    await emulator.wait_until(lambda state: state["calls"].get("message/send") == 1)
    second = asyncio.create_task(chat.ask("second"))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await emulator.settings(reply_delay="0ms")
    # The second question never went out, and the third does not wait for an answer to it.
    assert (await chat.send("third")).message_id
    state = await emulator.state()
    assert state["calls"]["message/send"] == 2


async def test_a_question_cancelled_in_the_moment_of_asking_does_not_go_out(
    client: AvatarClient, chat: Conversation, emulator: Emulator
) -> None:
    events = sync.Events(client._native.events(True))
    emulator.sync.owner_takeover(chat)
    first = asyncio.create_task(chat.ask("first"))
    await emulator.wait_until(lambda state: state["calls"].get("message/send") == 1)
    second = asyncio.create_task(chat.ask("never to be sent"))
    await asyncio.sleep(0)  # It begins.
    second.cancel()
    # Its turn comes while this loop stands still: it must be given up already.
    emulator.sync.owner_reply(chat, "An answer")
    assert any(event.type == "owner_reply" for event in events)
    with pytest.raises(asyncio.CancelledError):
        await second
    assert (await first).text == "An answer"
    emulator.sync.owner_handback(chat)
    await chat.ask("third")
    said = [message["text"] for message in (await emulator.state())["sessions"][0]["messages"]]
    assert said == ["first", "An answer", "third", "You said: third"]


async def test_messages_sent_side_by_side_go_out_in_the_order_they_were_begun(
    chat: Conversation, emulator: Emulator
) -> None:
    texts = [f"number {number}" for number in range(20)]
    await asyncio.gather(*(chat.send(text) for text in texts))
    said = [message["text"] for message in (await emulator.state())["sessions"][0]["messages"]]
    assert [text for text in said if text.startswith("number")] == texts


async def test_a_coroutine_that_is_never_awaited_does_nothing(chat: Conversation, emulator: Emulator) -> None:
    chat.send("Hello").close()
    assert "message/send" not in (await emulator.state())["calls"]


def test_a_client_outlives_its_event_loop(emulator: Emulator) -> None:
    client = emulator.client()

    async def talk() -> str:
        chat = await client.open(Visitor.for_user("test", "ada"))
        return (await chat.ask("Hello")).text

    assert asyncio.run(talk()) == asyncio.run(talk()) == "You said: Hello"
    asyncio.run(client.close())


def test_a_loop_s_port_goes_with_the_loop(emulator: Emulator) -> None:
    queues: list[weakref.ref[LoopQueue]] = []

    async def talk() -> None:
        async with emulator.client() as client:
            await client.open(Visitor.for_user("test", "ada"))
            queues.append(weakref.ref(LoopQueue.current()))

    for _ in range(3):
        asyncio.run(talk())
    gc.collect()
    assert [queue() for queue in queues] == [None, None, None]


def test_several_loops_in_several_threads_share_a_client(emulator: Emulator) -> None:
    client = emulator.client()
    texts: list[str] = []

    async def talk(name: str) -> None:
        chat = await client.open(Visitor.for_user("test", name))
        events = chat.events()
        texts.extend([(await chat.ask(f"{name} {n}")).text for n in range(10)])
        await chat.close()
        assert [event.type async for event in events].count("reply") == 10

    threads = [threading.Thread(target=asyncio.run, args=(talk(name),)) for name in ("ada", "grace", "mary")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(texts) == 30


class NoReaders(asyncio.SelectorEventLoop):
    """A loop that watches no descriptors, as Windows' usual one."""

    def add_reader(self, *args: Any) -> None:  # type: ignore[override]
        raise NotImplementedError


@pytest.mark.parametrize("make_loop", [uvloop.new_event_loop, NoReaders], ids=["uvloop", "no add_reader"])
def test_other_event_loops_do_as_well(make_loop: Callable[[], asyncio.AbstractEventLoop], emulator: Emulator) -> None:
    async def talk() -> str:
        async with emulator.client() as client:
            chat = await client.open(Visitor.for_user("test", "ada"))
            events = chat.events()
            reply = await chat.ask("Hello")
            async for event in events:
                if event.type == "reply":
                    break
            return reply.text

    async def cut_short() -> None:
        asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)  # type: ignore[union-attr]
        await talk()

    for _ in range(2):
        with asyncio.Runner(loop_factory=make_loop) as runner:
            assert runner.run(talk()) == "You said: Hello"
            with pytest.raises(asyncio.CancelledError):
                runner.run(cut_short())


def test_a_close_on_the_way_out_of_a_loop_without_readers_comes_to_its_end(emulator: Emulator) -> None:
    async def forget() -> None:
        async def talk() -> None:
            async with emulator.client() as client:
                await client.open(Visitor.for_user("test", "ada"))
                opened.set()
                await asyncio.Event().wait()

        opened = asyncio.Event()
        talking.append(asyncio.create_task(talk()))
        await opened.wait()

    talking: list[asyncio.Task[None]] = []
    with asyncio.Runner(loop_factory=NoReaders) as runner:
        runner.run(forget())
    assert talking[0].cancelled()
    emulator.sync.wait_until(lambda state: not state["sockets"])


async def test_callbacks_are_called_plain_and_async(client: AvatarClient, chat: Conversation) -> None:
    said: list[tuple[str, str]] = []
    answered = asyncio.Event()

    @chat.on("reply_delta")
    def _(event: Any) -> None:
        said.append(("piece", event.text))

    @chat.on("reply")
    async def _(event: Any) -> None:
        await asyncio.sleep(0)
        said.append(("reply", event.text))
        answered.set()

    @client.on(ClosedEvent)
    async def _(event: ClosedEvent) -> None:
        await asyncio.sleep(0)
        said.append(("closed", event.reason))

    await chat.ask("Hello")
    await asyncio.wait_for(answered.wait(), PATIENCE)
    await client.close()
    assert said == [("piece", "You said: "), ("piece", "Hello"), ("reply", "You said: Hello"), ("closed", "requested")]


async def test_what_a_callback_raises_is_logged_and_ends_nothing(
    chat: Conversation, caplog: pytest.LogCaptureFixture
) -> None:
    said = []

    @chat.on("reply")
    def _(event: Event) -> None:
        raise ValueError("plain")

    @chat.on("reply")
    async def _(event: Event) -> None:
        raise ValueError("async")

    @chat.on("reply")
    def note(event: Any) -> None:
        said.append(event.text)

    await chat.ask("one")
    await chat.ask("two")
    chat.off(note)
    await chat.ask("three")
    await chat.close()
    assert said[:2] == ["You said: one", "You said: two"]
    failures = [record for record in caplog.records if record.name == "secondme_avatar.callbacks"]
    assert len(failures) == 6
    assert all(record.levelno == logging.ERROR and record.exc_info for record in failures)
    assert "You said" not in caplog.text


async def test_a_callback_may_close_the_client(client: AvatarClient, chat: Conversation) -> None:
    closed = asyncio.Event()

    @client.on("reply")
    async def _(event: Event) -> None:
        await client.close()
        closed.set()

    await chat.send("Hello")
    await asyncio.wait_for(closed.wait(), PATIENCE)


def test_callbacks_may_be_named_before_a_loop_runs(emulator: Emulator) -> None:
    client = emulator.client()
    said = []

    @client.on("opened")
    def _(event: Any) -> None:
        said.append(event.opening)

    async def main() -> None:
        async with client:
            await client.open(Visitor.for_user("test", "ada"))

    asyncio.run(main())
    assert len(said) == 1


def test_an_event_that_there_is_not_is_refused(emulator: Emulator) -> None:
    with pytest.raises(MisuseError, match="owner_reply"):
        emulator.client().on("ownerReply")  # type: ignore[call-overload]
    with pytest.raises(MisuseError):
        emulator.client().on(Event)  # type: ignore[call-overload]


async def test_a_client_that_is_forgotten_gives_up_its_sockets(emulator: Emulator) -> None:
    client = emulator.client()
    chat = await client.open(Visitor.for_user("test", "ada"))

    @client.on("reply")
    def _(event: Event) -> None: ...

    await emulator.wait_until(lambda state: len(state["sockets"]) == 1)
    del client, chat
    gc.collect()
    await emulator.wait_until(lambda state: not state["sockets"])


async def test_a_bot_hears_all_its_visitors_in_one_loop(client: AvatarClient, emulator: Emulator) -> None:
    events: Events = client.events()
    chats = await asyncio.gather(*(client.open(Visitor.for_user("test", f"user {n}")) for n in range(20)))
    for chat in chats:
        await emulator.owner_reply(chat, f"Hello {chat.visitor_id}")
    heard = [await until(events, OwnerReplyEvent) for _ in chats]
    assert {reply.visitor_id: reply.text for reply in heard} == {
        chat.visitor_id: f"Hello {chat.visitor_id}" for chat in chats
    }


async def test_a_flood_leaves_others_in_the_loop_their_turn(
    client: AvatarClient, chat: Conversation, emulator: Emulator
) -> None:
    events = chat.events()
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    await answer_with_frames(emulator, 600)
    await chat.send("Go on")
    while client.stats().events < 600:
        await asyncio.sleep(0.002)
    task = asyncio.create_task(other())
    for _ in range(600):
        await until(events, UnknownEvent)
    assert turns > 0
    task.cancel()
