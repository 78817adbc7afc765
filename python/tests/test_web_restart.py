"""The widget's server part as a process of its own: killed in mid-reply, and under other ASGI servers."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from browser import PATIENCE, PLAIN, SECRET, Browser, question
from ports import free_port
from secondme_avatar.testing import Emulator

PROGRAM = f"""
from secondme_avatar import AvatarClient
from secondme_avatar.web import WidgetApp

widget = WidgetApp(AvatarClient(store="widget.db", reply_idle=60), secret="{SECRET}", max_event_streams=2)
"""
COMMANDS = {
    "uvicorn": ["-m", "uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--log-level", "warning", "program:{app}"],
    "hypercorn": ["-m", "hypercorn", "--bind", "127.0.0.1:{port}", "--log-level", "warning", "program:{app}"],
    "granian": ["-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", "{port}", "program:{app}"],
}


class Server:
    """A server in a process of its own, with a store that outlives it."""

    def __init__(self, folder: Path, name: str, program: str, app: str) -> None:
        (folder / "program.py").write_text(program, encoding="utf-8")
        self.folder, self.name, self.app, self.port = folder, name, app, free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        command = [part.format(port=self.port, app=self.app) for part in COMMANDS[self.name]]
        self.process = self._begun(command)
        async with asyncio.timeout(PATIENCE), httpx.AsyncClient(verify=PLAIN) as http:
            while True:
                assert self.process.poll() is None, "the server ended"
                try:
                    await http.get(f"{self.base}/nothing")
                    return
                except httpx.TransportError:
                    await asyncio.sleep(0.01)

    def _begun(self, command: list[str]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, *command], cwd=self.folder, start_new_session=True, stdout=subprocess.DEVNULL
        )

    async def kill(self, by: signal.Signals = signal.SIGKILL) -> int:
        """Ends it, and its children with it."""
        assert self.process is not None
        os.killpg(self.process.pid, by)
        return await asyncio.to_thread(self.process.wait, PATIENCE)


@asynccontextmanager
async def running(
    folder: Path, name: str = "uvicorn", program: str = PROGRAM, app: str = "widget"
) -> AsyncIterator[Server]:
    server = Server(folder, name, program, app)
    await server.start()
    try:
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            await server.kill()


async def asked(emulator: Emulator) -> list[str]:
    sessions = (await emulator.state())["sessions"]
    return [m["text"] for session in sessions for m in session["messages"] if m["author"] == "visitor"]


async def until_first_piece(browser: Browser) -> None:
    """Asks, and gives up the answer once it has begun."""
    body = question("q1", "one two three four")
    async with browser.http.stream("POST", "", json=body, headers=browser.headers) as response:
        async for line in response.aiter_lines():
            if "text-delta" in line:
                return


async def test_after_a_kill_in_mid_reply_the_same_message_gets_the_whole_answer(
    emulator: Emulator, tmp_path: Path
) -> None:
    emulator.sync.settings(piece_delay="60s")
    async with running(tmp_path) as server, Browser(server.base) as browser:
        await browser.open()
        await until_first_piece(browser)
        await server.kill()
        emulator.sync.settings(piece_delay="0ms")
        emulator.sync.advance(600)
        await server.start()
        answers = await asyncio.gather(browser.ask("q1", "one two three four"), browser.ask("q1", "one two three four"))
        assert [answer.text for answer in answers] == ["You said: one two three four"] * 2
        assert all(answer.parts[0] == {"type": "start", "messageId": "q1.1"} for answer in answers)
        messages = (await browser.get("/history"))["messages"]
        assert [(m["id"], m["text"]) for m in messages] == [
            ("q1", "one two three four"),
            ("q1.1", "You said: one two three four"),
        ]
        await server.kill()
        await server.start()
        assert (await browser.ask("q1", "one two three four")).text == "You said: one two three four"
        assert await browser.get("/history") == {"messages": messages, "before": None}
    assert await asked(emulator) == ["one two three four"]


async def test_after_a_kill_a_tab_resumes_and_hears_the_end_of_the_answer(emulator: Emulator, tmp_path: Path) -> None:
    emulator.sync.settings(piece_delay="60s")
    async with running(tmp_path) as server, Browser(server.base) as browser:
        await browser.open()
        async with browser.events() as events:
            await events.until(type="owner")
            last = events.ids[-1]
        await until_first_piece(browser)
        await server.kill()
        await server.start()
        async with browser.events(last) as events:
            assert events.all[0] == {"type": "reset"}
            emulator.sync.settings(piece_delay="0ms")
            emulator.sync.advance(600)
            said = await events.until(type="message", author="avatar")
        assert (said["id"], said["text"]) == ("q1.1", "You said: one two three four")
    assert await asked(emulator) == ["one two three four"]


async def test_what_the_owner_said_while_the_server_was_away_is_in_the_history(
    emulator: Emulator, tmp_path: Path
) -> None:
    async with running(tmp_path) as server, Browser(server.base) as browser:
        await browser.open()
        await browser.ask("q1", "Hello")
        (session,) = (await emulator.state())["sessions"]
        await server.kill()
        await emulator.owner_reply(session["sessionId"], "It is me")
        for _ in range(2):
            await server.start()
            async with asyncio.timeout(PATIENCE):
                while len(messages := (await browser.get("/history"))["messages"]) < 3:
                    await asyncio.sleep(0.01)
            assert [(m["author"], m["text"]) for m in messages][2:] == [("owner", "It is me")]
            await server.kill()


@pytest.mark.parametrize(("name", "http2"), [*((name, False) for name in COMMANDS), ("hypercorn", True)])
async def test_it_runs_under_every_asgi_server(emulator: Emulator, tmp_path: Path, name: str, http2: bool) -> None:
    versions = {"http1": not http2, "http2": http2}
    async with running(tmp_path, name) as server, Browser(server.base, **versions) as browser:
        assert (await browser.open())["speaker"] == "avatar"
        async with browser.events() as events:
            answer = await browser.ask("q1", "Hello")
            assert (answer.text, answer.is_done) == ("You said: Hello", True)
            await events.until(id="q1.1")
        await the_end_of_a_stream_is_noticed(browser)
        refused: Any = await browser.http.post("", json={}, headers={"origin": "https://evil.example"})
        assert (refused.status_code, refused.http_version) == (403, "HTTP/2" if http2 else "HTTP/1.1")
        assert await server.kill(signal.SIGTERM) in (0, -signal.SIGTERM)


async def the_end_of_a_stream_is_noticed(browser: Browser) -> None:
    """Of two streams that a visitor may have, one that is gone leaves room."""
    for _ in range(6):
        async with asyncio.timeout(PATIENCE):
            while True:
                async with browser.http.stream("GET", "/events", headers=browser.headers) as response:
                    if response.status_code == 200:
                        break
                await asyncio.sleep(0.01)
