"""The desk on Synapse in a storm: many conversations, takeovers in mid-stream, the desk killed, Synapse killed.

``DESK_WHOLE=1`` plays 50 conversations with 20 takeovers, otherwise fewer.
"""

import asyncio
import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from matrix_people import Person
from secondme_avatar.testing import Emulator
from slow_model import Model
from synapse_server import Synapse

WHOLE = bool(os.environ.get("DESK_WHOLE"))
CONVERSATIONS, TAKEOVERS, OPERATORS = (50, 20, 4) if WHOLE else (8, 4, 2)
ENDED = "(Ended here: a person takes over.)"
PATIENCE = 400


@pytest.fixture
def synapse(tmp_path: Path) -> Iterator[Synapse]:
    server = Synapse(tmp_path / "synapse")
    server.start()
    yield server
    server.stop()


class Program:
    """The desk, as a process."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        program = str(Path(__file__).parent / "desk_program.py")
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, program, json.dumps(self._settings), stdout=asyncio.subprocess.PIPE
        )
        assert self._process.stdout is not None
        assert await self._process.stdout.readline() == b"ready\n"

    async def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()
            self._process = None


class Storm:
    """What all conversations share."""

    def __init__(self, bot: str, model: Model) -> None:
        self.bot, self.model = bot, model
        self.progress = asyncio.Condition()
        self.lives: list[Life] = []

    async def step(self, life: "Life") -> None:
        async with self.progress:
            life.steps += 1
            self.progress.notify_all()

    async def until_steps(self, number: int) -> None:
        """Waits until so many steps are done in all conversations together, and no long answer is about to begin: one
        that a killed desk has asked for, and not begun to show, is shown when it is whole."""

        def is_reached() -> bool:
            return sum(life.steps for life in self.lives) >= number and not any(
                life.is_beginning for life in self.lives
            )

        async with self.progress:
            await self.progress.wait_for(is_reached)


class Life:
    """One visitor's conversation, from its beginning to its end."""

    def __init__(self, storm: Storm, visitor: Person, operator: Person | None) -> None:
        self.storm, self.visitor, self.operator = storm, visitor, operator
        self.steps = 0
        self.is_beginning = False
        """A long answer was asked for, and is not shown yet."""
        self.room = ""
        self.asked: list[str] = []
        """What the avatar has to be told, in order."""
        self.shown: list[str] = []
        """What the bot has to say, in order; a pattern each."""

    async def run(self) -> None:
        bot, name = self.storm.bot, self.visitor.name
        self.room = await self.visitor.room_with(bot, *([self.operator.id] if self.operator is not None else []))
        if self.operator is not None:
            await self.operator.join(self.room)
        await self.ask(f"{name} asks 1")
        if self.operator is not None:
            await self.taken_over(self.operator, bot, name)
        await self.ask(f"{name} asks 2")
        await self.ask(f"{name} asks 3")

    async def ask(self, text: str) -> None:
        await self.say_to_avatar(text)
        answer = f"You said: {text}"
        self.shown.append(re.escape(answer))
        await self.visitor.until(lambda p: answer in p.texts(self.room, self.storm.bot), PATIENCE)
        await self.storm.step(self)

    async def say_to_avatar(self, text: str) -> None:
        self.asked.append(text)
        await self.visitor.say(self.room, text)

    async def taken_over(self, operator: Person, bot: str, name: str) -> None:
        long = f"{name} asks long"
        self.is_beginning = True
        await self.say_to_avatar(long)
        begun = f"You said: {name} asks long w0 w1"
        await self.visitor.until(lambda p: any(t.startswith(begun) for t in p.texts(self.room, bot)), PATIENCE)
        async with self.storm.progress:
            self.is_beginning = False
            self.storm.progress.notify_all()
        await operator.say(self.room, f"{name}, this is {operator.name}")
        self.shown.append(f"You said: {name} asks long w0 w1[w0-9 ]*\\n\\n{re.escape(ENDED)}")
        await self.waits_for(f"{operator.name} has joined and answers you in person.")
        # The avatar goes on, and no one hears it.
        self.storm.model.release(long)
        for number in range(3):
            await self.visitor.say(self.room, f"{name} private {number}")
            await self.storm.step(self)
            await operator.until(lambda p, n=number: f"{name} private {n}" in p.texts(self.room), PATIENCE)
            await operator.say(self.room, f"{name}, answer {number}")
        await operator.say(self.room, "!back")
        await self.waits_for(f"{operator.name} has left.")
        await self.waits_for(".* answers again.")

    async def waits_for(self, pattern: str) -> None:
        self.shown.append(pattern)
        whole = re.compile(pattern)
        bot = self.storm.bot
        await self.visitor.until(lambda p: any(whole.fullmatch(text) for text in p.texts(self.room, bot)), PATIENCE)
        await self.storm.step(self)

    def check(self, person: Person) -> None:
        """Each message stands there once and in order."""
        said = person.texts(self.room, self.storm.bot)
        assert len(said) == len(self.shown), said
        for text, pattern in zip(said, self.shown, strict=True):
            assert re.fullmatch(pattern, text, re.DOTALL), (text, pattern)


class Told:
    """What the avatar was told, by the emulator's journal: each call that sends a message, by visitor's name. It is
    read as it grows, since the journal lets go of what is old."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._since = 0
        self.heard: dict[str, list[str]] = {}

    async def follow(self) -> None:
        while True:
            await self.read(wait=1.0)

    async def read(self, wait: float = 0) -> bool:
        """Reads on; false where there is no more."""
        page = await self._emulator.journal(self._since, wait)
        for entry in page["entries"]:
            text = json.dumps(entry, ensure_ascii=False)
            if "message/send" in text:
                for said in re.findall(r"(visitor\d+ (?:asks|private)[^\\\"]*)", text):
                    self.heard.setdefault(said.split()[0], []).append(said)
        is_more = bool(page["next"] != self._since)
        self._since = page["next"]
        return is_more


async def test_every_message_comes_once_and_in_order_through_takeovers_kills_and_restarts(
    synapse: Synapse, emulator: Emulator, tmp_path: Path
) -> None:
    model = Model()
    emulator.sync.settings(brain={"openai": {"url": await model.start(), "model": "slow", "context": 1}})
    bot, token = synapse.register("bot")
    visitors = [Person(synapse, f"visitor{number}") for number in range(CONVERSATIONS)]
    operators = [Person(synapse, f"operator{number}") for number in range(OPERATORS)]
    staff = await operators[0].room_with(bot, *(other.id for other in operators[1:]))
    for other in operators[1:]:
        await other.join(staff)
    client = {"api_key": emulator.api_key, "base_url": emulator.base_url, "store": str(tmp_path / "desk.db")}
    connector = {"homeserver": synapse.url, "user_id": bot, "access_token": token, "staff_room": staff}
    desk = Program({"client": client, "connector": {**connector, "update_interval": 1.0 if WHOLE else 0.5}, "desk": {}})
    await desk.start()
    storm = Storm(bot, model)
    began = time.monotonic()
    for number, visitor in enumerate(visitors):
        storm.lives.append(Life(storm, visitor, operators[number % OPERATORS] if number < TAKEOVERS else None))
    steps = CONVERSATIONS * 3 + TAKEOVERS * 6
    told = Told(emulator)
    following = asyncio.create_task(told.follow())
    living = [asyncio.create_task(life.run()) for life in storm.lives]
    await storm.until_steps(steps // 3)
    await desk.kill()
    await desk.start()
    await storm.until_steps(steps * 2 // 3)
    await synapse.restart()
    try:
        await asyncio.gather(*living)
    finally:
        await desk.kill()
    took = time.monotonic() - began
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    while await told.read():
        pass
    heard = told.heard
    for life in storm.lives:
        life.check(life.visitor)
        if life.operator is not None:
            life.check(life.operator)
        assert heard[life.visitor.name] == life.asked
    messages = sum(len(life.visitor.rooms[life.room]) for life in storm.lives)
    print(
        f"\n{CONVERSATIONS} conversations, {TAKEOVERS} takeovers in mid-stream, {messages} messages, "
        f"desk and Synapse killed once each: {took:.0f} s; each message once and in order, "
        f"{sum(map(len, heard.values()))} questions at the avatar, none while an operator had it"
    )
    for person in (*visitors, *operators):
        await person.close()
    await model.close()
