"""A platform in memory: what a visitor and the operators see of a desk."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secondme_avatar import AvatarClient
from secondme_avatar.bridge import Limits
from secondme_avatar.desk import Connector, ConversationView, Desk, Line, Operator, Post
from secondme_avatar.testing import Emulator

BOB, EVE = Operator("bob", "Bob"), Operator("eve", "Eve")


@dataclass
class Seen:
    """A message to a visitor, as it stands."""

    handle: str
    conversation: str
    text: str
    author: str
    key: str
    texts: list[str] = field(default_factory=list)


class Room(Connector):
    """The platform. It recognises a repeated call by its key, unless it is forgetful, and fails when told to."""

    def __init__(self, *, can_edit: bool = True, is_forgetful: bool = False, limits: Limits | None = None) -> None:
        self.limits = limits or Limits(max_chars=4000, update_interval=0.01)
        self.can_edit = can_edit
        self.is_forgetful = is_forgetful
        self.held = False
        self.let_go_of: list[str] = []
        self.seen: list[Seen] = []
        self.notes: list[tuple[str, str]] = []
        self.handed: list[list[Line]] = []
        self.views: list[ConversationView] = []
        self.failures: dict[str, deque[BaseException]] = {}
        self.is_typing: dict[str, bool] = {}
        self.changed = asyncio.Event()
        self._keys: set[str] = set()

    async def start(self, desk: Desk) -> None:
        self.desk = desk

    async def post(self, conversation: str, post: Post) -> str | None:
        self._fail("post")
        if post.key in self._keys and not self.is_forgetful:
            return next(seen.handle for seen in self.seen if seen.key == post.key)
        self._keys.add(post.key)
        seen = Seen(f"h{len(self.seen)}", conversation, post.text, post.author, post.key, [post.text])
        self.seen.append(seen)
        self.changed.set()
        return seen.handle

    async def edit(self, conversation: str, handle: str, text: str, key: str) -> None:
        self._fail("edit")
        if key in self._keys:
            return
        self._keys.add(key)
        seen = next(seen for seen in self.seen if seen.handle == handle)
        seen.text = text
        seen.texts.append(text)
        self.changed.set()

    async def note(self, conversation: str, text: str, key: str) -> None:
        self._fail("note")
        if key not in self._keys:
            self._keys.add(key)
            self.notes.append((conversation, text))
            self.changed.set()

    async def hand_over(self, view: ConversationView, lines: list[Line], text: str, key: str) -> None:
        if key not in self._keys:
            self.handed.append(lines)
        await self.note(view.conversation, text, key)

    async def show_state(self, view: ConversationView) -> None:
        self.views.append(view)
        self.changed.set()

    async def typing(self, conversation: str, is_typing: bool) -> None:
        self.is_typing[conversation] = is_typing

    def let_go(self, conversation: str) -> None:
        self.let_go_of.append(conversation)

    def texts(self, conversation: str = "c1", author: str | None = None) -> list[str]:
        """What the visitor reads."""
        return [s.text for s in self.seen if s.conversation == conversation and author in (None, s.author)]

    async def until(self, condition: Callable[["Room"], object]) -> None:
        """Waits until this is so."""
        async with asyncio.timeout(60):
            while not condition(self):
                self.changed.clear()
                await self.changed.wait()

    def _fail(self, name: str) -> None:
        if self.failures.get(name):
            raise self.failures[name].popleft()


@asynccontextmanager
async def desk_of(
    emulator: Emulator, room: Room, path: Path, **options: Any
) -> AsyncIterator[tuple[Desk, AvatarClient]]:
    options = {"platform": "test", "connector": room, "on_error": lambda *_: None, **options}
    async with emulator.client(store=path / "desk.db") as client, Desk(client, **options) as desk:
        yield desk, client


async def asked(emulator: Emulator) -> list[str]:
    """What the avatar was told, in order."""
    sessions = (await emulator.state())["sessions"]
    return [m["text"] for session in sessions for m in session["messages"] if m["author"] == "visitor"]
