"""Notes that a program keeps with a visitor: in the store, and in memory without one."""

import asyncio
import json
from pathlib import Path

import pytest

import secondme_avatar.sync
from secondme_avatar import AvatarClient, ClosedError, MisuseError, Note, Visitor
from secondme_avatar.testing import Emulator

ADA = Visitor.for_user("test", "ada", name="Ada Lovelace", tag="a tag")
BOB = Visitor.for_user("test", "bob")
WORD = "a word of hers"


def written(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_notes_outlive_the_client_are_exported_and_are_forgotten(emulator: Emulator, tmp_path: Path) -> None:
    options = {"base_url": emulator.base_url, "store": tmp_path / "avatar.db"}
    async with AvatarClient(emulator.api_key, **options) as client:  # type: ignore[arg-type]
        await client.set_note(ADA, "address", WORD)
        assert await client.add_note(BOB, "message/1", "taken", lifetime=60)
        assert not await client.add_note(BOB, "message/1", "again")
    async with AvatarClient(emulator.api_key, **options) as client:  # type: ignore[arg-type]
        assert await client.note(ADA, "address") == WORD
        assert await client.note(BOB, "address") is None
        assert await client.notes("") == [Note(ADA, "address", WORD), Note(BOB, "message/1", "taken")]
        assert [note.visitor.tag for note in await client.notes("add")] == ["a tag"]
        client.advance_clock(60)
        assert await client.notes("message/") == []
        exported = json.loads(await client.export(ADA))
        assert [(note["key"], note["text"]) for note in exported["notes"]] == [("address", WORD)]
        assert WORD.encode() in written(tmp_path)
        await client.forget(ADA)
        assert WORD.encode() not in written(tmp_path)
        assert await client.delete_note(ADA, "address") is False


async def test_of_many_that_add_a_note_at_once_one_succeeds(emulator: Emulator, tmp_path: Path) -> None:
    options = {"base_url": emulator.base_url, "store": tmp_path / "avatar.db"}
    async with AvatarClient(emulator.api_key, **options) as one, AvatarClient(emulator.api_key, **options) as other:  # type: ignore[arg-type]
        adds = [client.add_note(ADA, "k", str(number)) for number in range(20) for client in (one, other)]
        assert sum(await asyncio.gather(*adds)) == 1


async def test_what_is_no_note_is_refused_and_says_why(emulator: Emulator) -> None:
    async with AvatarClient(emulator.api_key, base_url=emulator.base_url) as client:
        for key, text, lifetime, says in [
            ("", "text", None, "key is empty"),
            ("ö" * 101, "text", None, "key is 202 bytes long"),
            ("k", "x" * 16_385, None, "text is 16385 bytes long"),
            ("k", "text", 0, "lifetime is zero"),
            ("k", "text", -1, "`lifetime` is -1.0"),
            ("k", "\ud800", None, "half of a surrogate pair"),
        ]:
            with pytest.raises(MisuseError, match=says):
                await client.set_note(ADA, key, text, lifetime=lifetime)
        assert await client.notes("") == []
    with pytest.raises(ClosedError):
        await client.set_note(ADA, "k", "text")


def test_the_face_without_async_does_the_same(emulator: Emulator) -> None:
    with secondme_avatar.sync.AvatarClient(emulator.api_key, base_url=emulator.base_url) as client:
        client.set_note(ADA, "k", WORD, lifetime=0.5)
        assert not client.add_note(ADA, "k", "again")
        assert client.note(ADA, "k") == WORD
        (note,) = client.notes("k")
        assert (note.visitor, note.key, note.text) == (ADA, "k", WORD)
        assert WORD not in repr(note)
        assert "Lovelace" not in repr(note)
        assert client.delete_note(ADA, "k")
        assert client.note(ADA, "k") is None
