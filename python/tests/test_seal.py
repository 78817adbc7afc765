"""A seal of the program's around what the store keeps."""

import asyncio
import gc
import os
import subprocess
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import secondme_avatar.sync
from secondme_avatar import AvatarClient, MisuseError, StoreError, Visitor
from secondme_avatar.testing import Emulator

SAID = "a word that was said"
ADA = Visitor.for_user("test", "ada", name="Ada Lovelace", tag="a tag")


class Mask:
    """It hides the words, and knows its own."""

    def __init__(self, key: int = 7) -> None:
        self.key = key
        self.calls: list[str] = []
        self.threads: set[threading.Thread] = set()
        self.fails: Exception | None = None

    def seal(self, data: bytes) -> bytes:
        self._called("seal")
        return bytes([self.key, *(byte ^ 0x55 for byte in data)])

    def unseal(self, data: bytes) -> bytes:
        self._called("unseal")
        if data[0] != self.key:
            raise KeyError("it was sealed with another key")
        return bytes(byte ^ 0x55 for byte in data[1:])

    def _called(self, name: str) -> None:
        self.calls.append(name)
        self.threads.add(threading.current_thread())
        if self.fails is not None:
            raise self.fails


def written(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def made(emulator: Emulator, path: Path, seal: Any, **options: Any) -> AvatarClient:
    return AvatarClient(emulator.api_key, base_url=emulator.base_url, store=path, seal=seal, **options)


async def test_what_is_sealed_cannot_be_read_in_the_file(emulator: Emulator, tmp_path: Path) -> None:
    path = tmp_path / "avatar.db"
    mask = Mask()
    # Nothing goes out, so the message stands in the store.
    emulator.sync.fault({"at": "message/send", "do": "quota", "chance": 1})
    async with made(emulator, path, mask, close_deadline=0) as client:
        chat = await client.open(ADA)
        session = chat.session_id
        await chat.send(SAID, durable=True)
        assert [visitor.name for visitor in await client.known()] == ["Ada Lovelace"]
    assert {"seal", "unseal"} <= set(mask.calls)
    assert threading.current_thread() not in mask.threads
    for word in (SAID, "Ada Lovelace", "a tag"):
        assert word.encode() not in written(tmp_path)
    emulator.sync.clear_faults()
    async with made(emulator, path, Mask()) as client:
        assert await client.recover() == [ADA.id]
        assert (await client.open(ADA)).session_id == session
        await emulator.wait_until(lambda state: SAID in str(state["sessions"]), patience=60)


def test_without_an_event_loop_it_is_the_same(emulator: Emulator, tmp_path: Path) -> None:
    path = tmp_path / "avatar.db"
    sessions = []
    for _ in range(2):
        options: Any = {"base_url": emulator.base_url, "store": path, "seal": Mask()}
        with secondme_avatar.sync.AvatarClient(emulator.api_key, **options) as client:
            chat = client.open(ADA)
            chat.send(SAID, durable=True)
            sessions.append(chat.session_id)
    assert sessions[0] == sessions[1]
    assert b"Ada Lovelace" not in written(tmp_path)


async def test_a_seal_that_fails_is_an_error_that_repeats_its_words_shortened(
    emulator: Emulator, tmp_path: Path
) -> None:
    mask = Mask()
    async with made(emulator, tmp_path / "avatar.db", mask) as client:
        chat = await client.open(ADA)
        mask.fails = PermissionError("the keychain is locked\n" + "so it is " * 100)
        with pytest.raises(StoreError) as failed:
            await chat.send(SAID, durable=True)
        assert "nothing was written: PermissionError: the keychain is locked" in str(failed.value)
        assert len(str(failed.value)) < 500
        assert "\n" not in str(failed.value)
        assert failed.value.kind == "store"
        # What was given up comes back.
        assert failed.value.unsent is not None
        assert failed.value.unsent.text == SAID
        mask.fails = Unprintable()
        with pytest.raises(StoreError, match="Unprintable, which cannot be printed"):
            await chat.send(SAID, durable=True)
        mask.fails = None
        await chat.send(SAID, durable=True)


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError("it has no words")


async def test_a_row_that_cannot_be_unsealed_stays_where_it_is(emulator: Emulator, tmp_path: Path) -> None:
    path = tmp_path / "avatar.db"
    async with made(emulator, path, Mask()) as client:
        session = (await client.open(ADA)).session_id
    for wrong, says in (
        (Mask(9), "KeyError: 'it was sealed with another key'"),
        (None, "it is sealed: open the store"),
    ):
        async with made(emulator, path, wrong) as client:
            with pytest.raises(StoreError, match=says):
                await client.open(ADA)
    async with made(emulator, path, Mask()) as client:
        assert (await client.open(ADA)).session_id == session


class Wrong:
    def __init__(self, seal: Any, unseal: Any = bytes) -> None:
        self.seal = seal
        self.unseal = unseal


@pytest.mark.parametrize("given", ["words", None, 5])
async def test_what_gives_no_bytes_says_so(given: object, emulator: Emulator, tmp_path: Path) -> None:
    def seal(_: bytes) -> object:
        return given

    async with made(emulator, tmp_path / "avatar.db", Wrong(seal)) as client:
        chat = await client.open(ADA)
        says = f"TypeError: it returned an object of type {type(given).__name__} and not `bytes`"
        with pytest.raises(StoreError, match=says):
            await chat.send(SAID, durable=True)


async def never(data: bytes) -> bytes:
    return data


@pytest.mark.parametrize("seal", [bytes, object(), Wrong(5), Wrong(bytes, None), Wrong(never), Wrong(bytes, never)])
@pytest.mark.parametrize("face", [AvatarClient, secondme_avatar.sync.AvatarClient])
def test_what_is_no_seal_says_so(seal: Any, face: Any, tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match=r"`seal` takes an object with two functions|is async"):
        face("sk-test", store=tmp_path / "avatar.db", seal=seal)
    assert not list(tmp_path.iterdir())


def test_a_seal_without_a_store_says_so() -> None:
    with pytest.raises(MisuseError, match="name its file with the option `store`"):
        AvatarClient("sk-test", seal=Mask())


async def test_a_slow_seal_keeps_no_event_loop_waiting(emulator: Emulator, tmp_path: Path) -> None:
    mask, may_go_on, has_begun = Mask(), threading.Event(), threading.Event()
    may_go_on.set()

    def slow(data: bytes) -> bytes:
        has_begun.set()
        may_go_on.wait()
        return mask.seal(data)

    async with made(emulator, tmp_path / "avatar.db", Wrong(slow, mask.unseal)) as client:
        chat, other = await client.open(ADA), await client.open(Visitor.for_user("test", "grace"))
        # What was kept of the openings is in the file.
        await (await client.open(Visitor.for_user("test", "alan"))).send("Hi", durable=True)
        may_go_on.clear()
        has_begun.clear()
        sending = asyncio.ensure_future(chat.send(SAID, durable=True))
        # The loop runs on meanwhile, and so do the conversations that have nothing to keep.
        while not has_begun.is_set():
            await asyncio.sleep(0)
        assert (await other.ask("Hello")).text == "You said: Hello"
        assert not sending.done()
        may_go_on.set()
        await sending


async def test_the_seal_of_a_closed_client_is_released(emulator: Emulator, tmp_path: Path) -> None:
    def names() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name == "secondme-avatar-seal"]

    async with made(emulator, tmp_path / "avatar.db", Mask()) as client:
        await client.open(ADA)
        assert len(names()) == 1
    # One that was never closed, too.
    forgotten = made(emulator, tmp_path / "avatar.db", Mask())
    assert names()
    del forgotten, client
    gc.collect()
    while names():
        await asyncio.sleep(0)


PROGRAM = """
import asyncio, os, sys, threading
from secondme_avatar import AvatarClient, Visitor

class Endless:
    def seal(self, data):
        print("asked", flush=True)
        threading.Event().wait()
    def unseal(self, data):
        return data

async def main():
    client = AvatarClient(store=sys.argv[1], seal=Endless())
    chat = await client.open(Visitor.for_user("test", "ada"))
    sending = asyncio.ensure_future(chat.send("a word", durable=True))
    await asyncio.sleep(0)

asyncio.run(main())
print("the end", flush=True)
"""


async def test_a_program_ends_while_its_seal_is_waited_for(
    emulator: Emulator, script: Callable[[str], list[str]], tmp_path: Path
) -> None:
    environment = {**os.environ, "SECONDME_API_KEY": emulator.api_key, "SECONDME_BASE_URL": emulator.base_url}
    command = [*script(PROGRAM), str(tmp_path / "avatar.db")]
    run = partial(subprocess.run, command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    ended = await asyncio.to_thread(run)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.endswith("the end\n")
