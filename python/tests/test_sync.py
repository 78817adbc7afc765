"""The face for scripts."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from secondme_avatar import AvatarError, ClosedError, ClosedEvent, OwnerReplyEvent, ReplyEvent, Visitor, sync
from secondme_avatar.testing import Emulator

ADA = Visitor.for_user("test", "ada")


@pytest.fixture
def client(emulator: Emulator) -> Iterator[sync.AvatarClient]:
    with emulator.sync.client() as client:
        yield client


def test_a_script_talks(client: sync.AvatarClient) -> None:
    chat = client.open(ADA)
    assert chat.opening
    assert chat.ask("Hello").text == "You said: Hello"
    stream = chat.stream("one two three")
    assert "".join(stream) == "You said: one two three"
    assert stream.reply is not None
    assert [message.text for message in chat.history(2)] == ["one two three", "You said: one two three"]
    assert chat.send("x").message_id
    assert client.recover() == []


def test_a_script_stops_finishes_and_copies(client: sync.AvatarClient, emulator: Emulator, tmp_path: Path) -> None:
    chat = client.open(Visitor.for_user("test", "ada", tag="mine"))
    events = chat.events()
    assert chat.ask("Hello").text == "You said: Hello"
    assert chat.tag == next(events).tag == "mine"
    stream = chat.stream("Hello")
    stream.stop()
    assert "".join(stream) in "You said: Hello"
    events.finish()
    assert next(event.text for event in events if isinstance(event, ReplyEvent)) == "You said: Hello"
    assert not chat.taken_over
    with emulator.sync.client(store=tmp_path / "avatar.db") as keeping:
        keeping.open(ADA)
        keeping.backup(tmp_path / "copy.db")
    with emulator.sync.client(store=tmp_path / "copy.db") as other:
        assert other.known() == [ADA]
        assert other.recover(all=True) == [ADA.id]
    assert client.known() == []


def test_a_script_hears_events(client: sync.AvatarClient, emulator: Emulator) -> None:
    events = client.events()
    chat = client.open(ADA)
    emulator.sync.owner_reply(chat, "Hi")
    for event in events:
        match event:
            case OwnerReplyEvent(text):
                assert text == "Hi"
                chat.close()
            case ClosedEvent(reason):
                assert reason == "requested"
                break
    client.close()
    assert list(events) == []


def test_everything_there_is_in_asyncio_is_here(client: sync.AvatarClient) -> None:
    chat = client.open(ADA)
    chat.pause()
    chat.resume()
    chat.network_changed()
    other = chat.new_session()
    assert other.session_id != chat.session_id
    other.close()
    chat.end()
    with pytest.raises(ClosedError):
        chat.ask("too late")
    with pytest.raises(AvatarError, match="store"):
        client.open(ADA).send("x", durable=True)


def test_threads_wait_beside_each_other(client: sync.AvatarClient) -> None:
    texts: list[str] = []

    def talk(name: str) -> None:
        chat = client.open(Visitor.for_user("test", name))
        texts.extend(chat.ask(f"{name} {n}").text for n in range(10))

    threads = [threading.Thread(target=talk, args=(name,)) for name in ("ada", "grace", "mary")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(texts) == 30


def test_who_waits_for_events_hears_that_the_subscription_is_closed(client: sync.AvatarClient) -> None:
    events = client.events()
    heard: list[object] = []
    thread = threading.Thread(target=lambda: heard.extend(events))
    thread.start()
    events.close()
    thread.join()
    assert heard == []


async def test_it_works_where_a_loop_runs_as_in_a_notebook(emulator: Emulator) -> None:
    with emulator.sync.client() as client:
        assert client.open(ADA).ask("Hello").text == "You said: Hello"
    assert asyncio.get_running_loop().is_running()
