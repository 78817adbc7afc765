"""Event loops that come and go: one after the other, several at a time, stopped, closed."""

import asyncio
import contextvars
import gc
import threading
import time
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest
import uvloop

from secondme_avatar import AvatarClient, MisuseError, Visitor
from secondme_avatar._queues import LoopQueue
from secondme_avatar.testing import Emulator
from test_asyncio import NoReaders
from waiting import PATIENCE

ADA = Visitor.for_user("test", "ada")
QUICK = 2.0
"""Less than a close waits for callbacks that it cannot reach."""

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, Any]], Any]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.002)


def in_a_loop_that_is_left_open(work: Coroutine[Any, Any, T]) -> T:
    """Runs it as a program that never closes its loop."""
    loop = asyncio.new_event_loop()
    left_open.append(loop)
    return loop.run_until_complete(work)


def in_a_loop_that_is_closed(work: Coroutine[Any, Any, T]) -> T:
    """Runs it as a program that closes its loop without an end for what still runs in it."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


def under_uvloop(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def in_a_loop_without_readers(work: Coroutine[Any, Any, T]) -> T:
    """Runs it in a loop that watches no descriptors, as Windows' usual one."""
    with asyncio.Runner(loop_factory=NoReaders) as runner:
        return runner.run(work)


def in_a_thread(work: Coroutine[Any, Any, T]) -> T:
    """Runs it as Starlette's TestClient and asgiref's async_to_sync do: each call in a loop and a thread of its own."""
    found: list[T] = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(work)))
    thread.start()
    thread.join()
    return found[0]


left_open: list[asyncio.AbstractEventLoop] = []


@pytest.fixture(autouse=True)
def _close_loops() -> Any:
    yield
    for loop in left_open:
        loop.close()
    left_open.clear()


RUNS = [
    asyncio.run,
    in_a_loop_that_is_left_open,
    in_a_loop_that_is_closed,
    in_a_thread,
    under_uvloop,
    in_a_loop_without_readers,
]


@pytest.mark.parametrize("run", RUNS)
def test_a_client_s_callbacks_hear_everything_over_many_loops_and_the_close_is_quick(
    run: Run, emulator: Emulator
) -> None:
    client = emulator.client()
    heard: list[str] = []
    client.on("reply")(lambda event: heard.append(event.text))

    async def ask(text: str) -> None:
        await (await client.open(ADA)).ask(text)

    for text in "abc":
        run(ask(text))
    begun = time.monotonic()
    run(client.close())
    assert time.monotonic() - begun < QUICK
    assert heard == ["You said: a", "You said: b", "You said: c"]


@pytest.mark.parametrize("run", RUNS)
def test_what_comes_between_two_loops_reaches_the_callbacks(run: Run, emulator: Emulator) -> None:
    client = emulator.client()
    heard: list[str] = []
    client.on("owner_reply")(lambda event: heard.append(event.text))

    async def ask() -> str | None:
        chat = await client.open(ADA)
        await chat.ask("Hello")
        return chat.session_id

    session = run(ask())
    before = client.stats().frames
    emulator.sync.owner_reply(session, "between")
    end = time.monotonic() + PATIENCE
    while client.stats().frames == before and time.monotonic() < end:
        time.sleep(0.002)

    async def use() -> None:
        await client.open(ADA)
        await until(lambda: heard)

    run(use())
    assert heard == ["between"]
    run(client.close())


def test_callbacks_of_a_conversation_go_on_in_the_next_loop_though_it_is_not_held(emulator: Emulator) -> None:
    client = emulator.client()
    heard: list[str] = []

    async def begin() -> None:
        chat = await client.open(ADA)
        chat.on("reply")(lambda event: heard.append(event.text))

    async def ask() -> None:
        await (await client.open(ADA)).ask("Hello")
        await until(lambda: heard)

    asyncio.run(begin())
    gc.collect()
    asyncio.run(ask())
    assert heard == ["You said: Hello"]
    asyncio.run(client.close())


def test_the_queue_of_a_loop_that_has_ended_is_freed_without_the_garbage_collector(emulator: Emulator) -> None:
    client = emulator.client()
    queues: list[weakref.ref[LoopQueue]] = []

    async def begin() -> None:
        chat = await client.open(ADA)
        chat.on("reply")(lambda event: None)
        await chat.ask("Hello")
        queues.append(weakref.ref(LoopQueue.current()))

    gc.disable()
    try:
        asyncio.run(begin())
        assert [queue() for queue in queues] == [None]
    finally:
        gc.enable()
    asyncio.run(client.close())


def test_callbacks_stay_in_the_loop_that_was_first_as_long_as_it_runs(emulator: Emulator) -> None:
    client = emulator.client()
    loops: list[asyncio.AbstractEventLoop] = []
    client.on("reply")(lambda event: loops.append(asyncio.get_running_loop()))
    first = asyncio.new_event_loop()
    thread = threading.Thread(target=first.run_forever)
    thread.start()

    async def ask(count: int) -> None:
        await (await client.open(ADA)).ask("Hello")
        await until(lambda: len(loops) == count)

    asyncio.run_coroutine_threadsafe(ask(1), first).result(PATIENCE)
    asyncio.run(ask(2))
    assert loops == [first, first]
    begun = time.monotonic()
    asyncio.run(client.close())
    assert time.monotonic() - begun < QUICK
    first.call_soon_threadsafe(first.stop)
    thread.join()
    first.close()


def test_a_loop_that_runs_goes_on_when_the_one_that_called_the_callbacks_has_ended(emulator: Emulator) -> None:
    client = emulator.client()
    heard: list[tuple[str, str]] = []
    is_open = threading.Event()
    may_end = threading.Event()
    client.on("owner_reply")(lambda event: heard.append((event.text, threading.current_thread().name)))

    async def first() -> None:
        chat = await client.open(ADA)
        emulator.sync.owner_reply(chat, "one")
        await until(lambda: heard)
        is_open.set()
        await asyncio.to_thread(may_end.wait)

    async def second() -> None:
        chat = await client.open(ADA)
        may_end.set()
        await asyncio.to_thread(thread.join)
        # No call of the client's is made here any more.
        await emulator.owner_reply(chat, "two")
        await until(lambda: len(heard) == 2)

    thread = threading.Thread(target=lambda: asyncio.run(first()), name="first")
    thread.start()
    assert is_open.wait(PATIENCE)
    asyncio.run(second())
    assert heard == [("one", "first"), ("two", threading.current_thread().name)]
    asyncio.run(client.close())


def test_a_callback_that_ends_the_loop_takes_no_event_with_it(emulator: Emulator) -> None:
    client = emulator.client()
    heard: list[str] = []

    def hear(event: Any) -> None:
        heard.append(event.text)
        if len(heard) == 1:
            raise KeyboardInterrupt

    client.on("owner_reply")(hear)

    async def begin() -> str:
        return (await client.open(ADA)).session_id or ""

    async def use() -> None:
        await client.open(ADA)
        await until(lambda: len(heard) == 3)

    session = asyncio.run(begin())
    for text in "abc":
        emulator.sync.owner_reply(session, text)
    end = time.monotonic() + PATIENCE
    while client.stats().frames < 3 and time.monotonic() < end:
        time.sleep(0.002)
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(use())
    asyncio.run(use())
    assert heard == ["a", "b", "c"]
    asyncio.run(client.close())


async def test_a_callback_sees_the_context_in_which_it_was_named(emulator: Emulator) -> None:
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name")
    seen: list[str] = []
    async with emulator.client() as client:
        name.set("mine")

        @client.on("opened")
        async def _(event: object) -> None:
            seen.append(name.get())
            name.set("of this call alone")

        for user in ("ada", "grace"):
            await client.open(Visitor.for_user("test", user))
    assert seen == ["mine", "mine"]


def test_without_an_event_loop_of_asyncio_s_the_error_says_what_to_use(emulator: Emulator) -> None:
    client = emulator.client()
    events = client.events()

    async def enter() -> None:
        async with client:
            pass

    for work in (client.open(ADA), client.close(), client.recover(), enter(), events.__anext__()):
        with pytest.raises(MisuseError, match=r"secondme_avatar\.sync.*trio\.to_thread"):
            work.send(None)  # As another library would run it.


def test_two_threads_that_wait_for_one_subscription_both_hear_its_end(emulator: Emulator) -> None:
    with emulator.sync.client() as client:
        events = client.events()
        waiting = threading.Barrier(3)

        def listen() -> None:
            waiting.wait()
            for _ in events:
                pass

        threads = [threading.Thread(target=listen, daemon=True) for _ in range(2)]
        for thread in threads:
            thread.start()
        waiting.wait()
        # Both have looked, and found nothing.
        client.open(ADA).ask("Hello")
        client.open(ADA).ask("Hello")
        events.close()
        for thread in threads:
            thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in threads)


async def _close_while_a_callback_runs(client: AvatarClient) -> None:
    begun = asyncio.Event()

    @client.on("reply")
    async def _(event: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    await (await client.open(ADA)).ask("Hello")
    await begun.wait()


async def test_an_end_by_cancellation_does_not_wait_for_callbacks(emulator: Emulator) -> None:
    client = emulator.client()

    async def use() -> None:
        async with client:
            await _close_while_a_callback_runs(client)
            running.set()
            await asyncio.Event().wait()

    running = asyncio.Event()
    task = asyncio.create_task(use())
    await running.wait()
    begun = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - begun < QUICK
