"""The store's file in the same process as Python's own SQLite, which is another copy than the one in the wheel."""

import asyncio
import os
import sqlite3
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from secondme_avatar import AvatarClient
from secondme_avatar.testing import Emulator

Script = Callable[[str], list[str]]

PROGRAM = """
import asyncio, os, shutil, sqlite3, subprocess, sys
from secondme_avatar import AvatarClient, Visitor

store, how = sys.argv[1], sys.argv[2]

def look():
    if how == "a look":
        connection = sqlite3.connect(store)
        connection.execute("SELECT count(*) FROM messages").fetchone()
        connection.close()
    elif how == "a copy":
        for suffix in ("", "-wal", "-shm"):
            shutil.copy(store + suffix, store + ".copy" + suffix)

async def other():
    async with AvatarClient(store=store) as client:
        await client.open(Visitor.for_user("test", "bob"))

async def main():
    client = AvatarClient(store=store)
    chat = await client.open(Visitor.for_user("test", "ada"))
    for number in range(4):
        await chat.send(f"before {number}", durable=True)
        look()
        process = await asyncio.create_subprocess_exec(sys.executable, __file__, store, "as another")
        assert await process.wait() == 0
        look()
        await chat.send(f"after {number}", durable=True)
    print("confirmed", flush=True)
    os._exit(9)

asyncio.run(other() if how == "as another" else main())
"""
MESSAGES = [f"{when} {number}" for number in range(4) for when in ("before", "after")]


def taken(emulator: Emulator) -> list[str]:
    sessions = emulator.sync.state()["sessions"]
    return [said["text"] for session in sessions for said in session["messages"] if said["author"] == "visitor"]


@pytest.mark.parametrize("how", ["nothing", "a look", "a copy"])
async def test_what_was_confirmed_goes_out_once_after_a_kill(
    emulator: Emulator, script: Script, tmp_path: Path, how: str
) -> None:
    store = tmp_path / "avatar.db"
    # Nothing goes out before the kill: all that was confirmed stands in the store.
    emulator.sync.fault({"at": "message/send", "do": "quota", "chance": 1})
    environment = {**os.environ, "SECONDME_API_KEY": emulator.api_key, "SECONDME_BASE_URL": emulator.base_url}
    command = [*script(PROGRAM), str(store), how]
    run = partial(subprocess.run, command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    ended = await asyncio.to_thread(run)
    assert (ended.returncode, ended.stdout) == (9, "confirmed\n"), ended.stderr
    emulator.sync.clear_faults()

    async with AvatarClient(emulator.api_key, base_url=emulator.base_url, store=store) as client:
        await client.recover()
        # One that was on its way when the process was killed is looked for first, which takes some seconds.
        await emulator.wait_until(lambda _: len(taken(emulator)) >= len(MESSAGES), patience=60)
    assert sorted(taken(emulator)) == sorted(MESSAGES)
    connection = sqlite3.connect(store)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("SELECT count(*) FROM messages").fetchone() == (0,)
    connection.close()
