"""A store in Redis: Debian's ``redis-server``, started by `conftest.py`."""

import asyncio

import pytest

from secondme_avatar import AvatarClient, ReplyEvent, StoreError, Visitor
from secondme_avatar.testing import Emulator

ADA = Visitor.for_user("test", "ada")


async def test_clients_share_sessions_and_notes(emulator: Emulator, redis: str) -> None:
    async with emulator.client(store=redis) as one:
        chat = await one.open(ADA)
        session = chat.session_id
        assert await one.add_note(ADA, "seen", "1")
    async with emulator.client(store=redis) as other:
        assert (await other.open(ADA)).session_id == session
        assert not await other.add_note(ADA, "seen", "2")
        assert [visitor.id for visitor in await other.known()] == [ADA.id]
    assert emulator.sync.state()["calls"]["auth"] == 1


async def test_a_subscription_to_all_processes_hears_what_another_one_tells(emulator: Emulator, redis: str) -> None:
    async with emulator.client(store=redis) as one, emulator.client(store=redis) as other:
        chat = await one.open(ADA)
        own = other.events()

        async def listen() -> str:
            async for event in other.events(all_processes=True, raw=False):
                if isinstance(event, ReplyEvent):
                    return event.visitor_id
            raise AssertionError("it ended")

        listening = asyncio.create_task(listen())
        while not listening.done():
            await chat.ask("Hello")
        assert await listening == ADA.id
        await other.close()
        assert [event async for event in own] == []


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("redis://:hunter2@127.0.0.1:1", "cannot be opened"),
        ("redis://:hunter2@127.0.0.1:port", "a host and a port"),
        ("postgres://:hunter2@host/db", "does not know"),
    ],
)
def test_a_redis_that_cannot_be_used_is_an_error_of_the_constructor_without_the_password(url: str, says: str) -> None:
    with pytest.raises(StoreError, match=says) as raised:
        AvatarClient("sk-0123456789abcdef", store=url)
    assert "hunter2" not in str(raised.value)
