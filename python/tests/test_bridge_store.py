"""What a bridge does where the client's store fails, against the emulator and a platform in memory."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from place import Place
from secondme_avatar import AvatarClient, MisuseError, Visitor
from secondme_avatar.bridge import Bridge, ErrorContext, IncomingMessage, PlatformUser
from secondme_avatar.testing import Emulator

ADA = Visitor.for_user("test", "ada")
ADDRESS = "bridge/test/address"


def said(id: str, text: str, address: str = "room") -> IncomingMessage:
    return IncomingMessage(id=id, user=PlatformUser("ada"), address=address, text=text)


def failing(monkeypatch: pytest.MonkeyPatch, client: AvatarClient, name: str, times: int, key: str = "") -> None:
    """Makes a call of the client fail so often."""
    call, left = getattr(client, name), times

    async def called(*given: Any, **more: Any) -> Any:
        nonlocal left
        if left and (not key or key in given):
            left -= 1
            raise OSError("the store is busy")
        return await call(*given, **more)

    monkeypatch.setattr(client, name, called)


@pytest.mark.parametrize("times", [1, 3])
async def test_a_kept_message_is_answered_though_its_address_cannot_be_kept(
    client: AvatarClient, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    place, troubles = Place(), list[ErrorContext]()
    failing(monkeypatch, client, "set_note", times, ADDRESS)
    async with Bridge(client, platform="test", outlet=place, on_error=lambda _, at: troubles.append(at)) as bridge:
        assert await bridge.receive(said("1", "Hello"))
        await bridge.idle()
        assert await client.note(ADA, ADDRESS) == ("room" if times == 1 else None)
        assert await bridge.receive(said("2", "Again"))
        await bridge.idle()
        assert await client.note(ADA, ADDRESS) == "room"
    assert place.texts() == ["You said: Hello", "You said: Again"]
    assert [(trouble.during, trouble.message_id) for trouble in troubles] == [("accept", "1")] * times


async def test_a_duplicate_does_not_change_the_address(client: AvatarClient) -> None:
    async with Bridge(client, platform="test", outlet=Place()) as bridge:
        await bridge.receive(said("1", "Hello"))
        await bridge.receive(said("2", "Hello", "another room"))
        assert not await bridge.receive(said("1", "Hello"))
        await bridge.idle()
        assert await client.note(ADA, ADDRESS) == "another room"


async def test_a_message_without_an_address_has_one_after_a_restart(emulator: Emulator, tmp_path: Path) -> None:
    place = Place()
    emulator.sync.settings(reply_delay="60s")
    for is_new in (True, False):
        async with emulator.client(store=tmp_path / "bot.db") as client:
            bridge = Bridge(client, platform="test", outlet=place, on_error=lambda *_: None)
            await bridge.start()
            assert await bridge.receive(said("1", "Hello")) is is_new
            await emulator.wait_until(lambda state: any(session["messages"] for session in state["sessions"]))
            async with asyncio.timeout(10):
                while (address := await client.note(ADA, ADDRESS)) is None:
                    await asyncio.sleep(0)
            assert address == "room"
            # As a kill leaves it between the two.
            await client.delete_note(ADA, ADDRESS)
            await bridge.close(deadline=0)


async def test_notes_of_another_language_s_bridge_are_refused(client: AvatarClient) -> None:
    done = json.dumps({"v": 1, "by": "node", "state": "done", "at": 1})
    await client.set_note(ADA, "bridge/test/message/1", done)
    bridge = Bridge(client, platform="test", outlet=Place())
    with pytest.raises(MisuseError, match=r"of a bridge of node, .* another `store`"):
        await bridge.start()
    await bridge.close()
    async with Bridge(client, platform="another", outlet=Place()) as another:
        assert await another.receive(said("1", "Hello"))


async def test_a_start_that_failed_is_made_again(client: AvatarClient, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place()
    failing(monkeypatch, client, "notes", 1)
    bridge = Bridge(client, platform="test", outlet=place)
    with pytest.raises(OSError, match="the store is busy"):
        await bridge.receive(said("1", "Hello"))
    assert await bridge.receive(said("1", "Hello"))
    await bridge.idle()
    await bridge.close()
    assert place.texts() == ["You said: Hello"]


async def test_a_bridge_that_closes_leaves_nothing_running(
    client: AvatarClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def recover(**_: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(client, "recover", recover)
    before = asyncio.all_tasks()
    async with Bridge(client, platform="test", outlet=Place()) as bridge:
        await bridge.receive(said("1", "Hello"))
        await bridge.idle()
    assert {task.get_name() for task in asyncio.all_tasks() - before if "Bridge" in repr(task)} == set()
