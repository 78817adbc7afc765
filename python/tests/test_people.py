"""What the store holds of people: shown, and deleted."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

import secondme_avatar.sync
from secondme_avatar import (
    AvatarClient,
    ClosedError,
    MisuseError,
    StoreError,
    UnsupportedError,
    Visitor,
)
from secondme_avatar.testing import Emulator

SAID = "a word that was said"
ADA = Visitor.for_user("test", "ada", name="Ada Lovelace", tag="a tag")
BOB = Visitor.for_user("test", "bob")
WORDS = [SAID, "Ada Lovelace", "a tag", ADA.id]


def written(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def made(emulator: Emulator, folder: Path, **options: Any) -> AvatarClient:
    return AvatarClient(emulator.api_key, base_url=emulator.base_url, store=folder / "avatar.db", **options)


async def saved(client: AvatarClient, *visitors: Visitor) -> None:
    while {visitor.id for visitor in await client.known()} != {visitor.id for visitor in visitors}:
        await asyncio.sleep(0)


async def test_nothing_of_a_visitor_is_in_the_files_once_it_is_forgotten(emulator: Emulator, tmp_path: Path) -> None:
    emulator.sync.fault({"at": "message/send", "do": "quota", "chance": 1})
    async with made(emulator, tmp_path, close_deadline=0) as client:
        chat = await client.open(ADA)
        await client.open(BOB)
        await chat.send(SAID, durable=True)
        await saved(client, ADA, BOB)
        for word in WORDS:
            assert word.encode() in written(tmp_path), "the search finds it"
        await client.forget(ADA)
        for word in WORDS:
            assert word.encode() not in written(tmp_path)
        assert [visitor.id for visitor in await client.known()] == [BOB.id]
        assert chat.state == "closed"
        with pytest.raises(ClosedError):
            await chat.send(SAID, durable=True)
        await client.forget(ADA)  # Once more is no error.
        client.advance_clock(6)  # The refusal for the quota held up all calls of the key.
        assert (await client.open(ADA)).session_id != chat.session_id


async def test_what_is_kept_is_shown_without_secrets(emulator: Emulator, tmp_path: Path) -> None:
    emulator.sync.fault({"at": "message/send", "do": "quota", "chance": 1})
    async with made(emulator, tmp_path, close_deadline=0) as client:
        chat = await client.open(ADA)
        await chat.send(SAID, durable=True)
        await saved(client, ADA)
        shown = json.loads(await client.export(ADA))
        assert (shown["visitor_id"], shown["holds_data"]) == (ADA.id, True)
        assert [message["text"] for message in shown["messages"]] == [SAID]
        assert "Ada Lovelace" in json.dumps(shown["records"])
        assert "sk-" not in json.dumps(shown)
        nothing = json.loads(await client.export(Visitor.random("test")))
        assert (nothing["holds_data"], nothing["records"], nothing["messages"]) == (False, [], [])


async def test_a_sealed_store_shows_and_deletes_too(emulator: Emulator, tmp_path: Path) -> None:
    class Mask:
        def seal(self, data: bytes) -> bytes:
            return bytes(byte ^ 0x55 for byte in data)

        unseal = seal

    async with made(emulator, tmp_path, seal=Mask()) as client:
        await client.open(ADA)
        await saved(client, ADA)
        assert "Ada Lovelace" in await client.export(ADA)
        await client.forget(ADA)
        assert ADA.id.encode() not in written(tmp_path)


async def test_those_who_are_idle_are_forgotten_and_those_in_use_are_not(emulator: Emulator, tmp_path: Path) -> None:
    async with made(emulator, tmp_path) as client:
        chat = await client.open(ADA)
        await client.open(BOB)
        await saved(client, ADA, BOB)
        await chat.close()
        assert await client.forget_idle(3600) == 0
        # The store's thread may still be writing, and what was written just now is not idle.
        while await client.forget_idle(0) != 1:
            pass
        assert [visitor.id for visitor in await client.known()] == [BOB.id]
        assert ADA.id.encode() not in written(tmp_path)
        with pytest.raises(MisuseError, match="`longer_than` is -1"):
            await client.forget_idle(-1)


async def test_a_visitor_who_is_open_elsewhere_stays(emulator: Emulator, tmp_path: Path) -> None:
    async with made(emulator, tmp_path) as client, made(emulator, tmp_path) as other:
        await other.open(ADA)
        await saved(client, ADA)
        with pytest.raises(StoreError) as failed:
            await client.forget(ADA)
        assert failed.value.kind == "store"
        assert await client.forget_idle(0) == 0
        assert ADA.id.encode() in written(tmp_path)


async def test_without_a_store_memory_is_forgotten(client: AvatarClient) -> None:
    chat = await client.open(ADA)
    session = chat.session_id
    await client.forget(ADA)
    assert chat.state == "closed"
    assert (await client.open(ADA)).session_id != session
    for call in (client.export(ADA), client.forget_idle(3600)):
        with pytest.raises(UnsupportedError):
            await call


async def test_a_retention_that_is_too_short_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="retention"):
        AvatarClient("sk-test", store=tmp_path / "avatar.db", retention=60)
    with pytest.raises(MisuseError, match="a `retention` without a `store`"):
        AvatarClient("sk-test", retention=3600)
    AvatarClient("sk-test", store=tmp_path / "avatar.db", retention=3600)


def test_without_an_event_loop_it_is_the_same(emulator: Emulator, tmp_path: Path) -> None:
    options: Any = {"base_url": emulator.base_url, "store": tmp_path / "avatar.db", "retention": 30 * 24 * 3600}
    with secondme_avatar.sync.AvatarClient(emulator.api_key, **options) as client:
        chat = client.open(ADA)
        while not client.known():
            pass
        assert json.loads(client.export(ADA))["holds_data"] is True
        client.forget(ADA)
        assert chat.state == "closed"
        assert json.loads(client.export(ADA))["holds_data"] is False
        client.open(BOB).close()
        # The store's thread may still be writing, and what was written just now is not idle.
        while client.forget_idle(0) != 1:
            pass
        assert client.known() == []
