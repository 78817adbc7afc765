"""Visitors and operators, each with a client of matrix-nio of their own."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import nio

from synapse_server import Synapse


@dataclass
class Message:
    """A message as its room shows it: with its last edit."""

    id: str
    sender: str
    text: str
    kind: str
    thread: str | None = None
    texts: list[str] = field(default_factory=list)


class Person:
    """A person at a client, which never stops listening."""

    def __init__(self, synapse: Synapse, name: str) -> None:
        self.name = name
        self.id, token = synapse.register(name)
        config = nio.AsyncClientConfig(max_limit_exceeded=None, max_timeouts=None, encryption_enabled=False)
        self.client = nio.AsyncClient(synapse.url, self.id, config=config)
        self.client.restore_login(self.id, "PERSON", token)
        self.rooms: defaultdict[str, dict[str, Message]] = defaultdict(dict)
        """What each room shows, in order."""
        self.heard: list[str] = []
        """The ids of all events, as they came."""
        self.invited: set[str] = set()
        self.left: dict[str, set[str]] = {}
        """Who has left each room, or said no."""
        self.changed = asyncio.Event()
        self._listening = asyncio.create_task(self._listen())

    async def close(self) -> None:
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        await self.client.close()

    async def say(self, room: str, text: str, **content: Any) -> str:
        sent = await self.client.room_send(room, "m.room.message", {"msgtype": "m.text", "body": text, **content})
        assert isinstance(sent, nio.RoomSendResponse), sent
        return sent.event_id

    async def react(self, room: str, to: str, emoji: str) -> None:
        relation = {"rel_type": "m.annotation", "event_id": to, "key": emoji}
        sent = await self.client.room_send(room, "m.reaction", {"m.relates_to": relation})
        assert isinstance(sent, nio.RoomSendResponse), sent

    async def room_with(self, *invited: str, **options: Any) -> str:
        made = await self.client.room_create(
            is_direct=True, preset=nio.RoomPreset.private_chat, invite=invited, **options
        )
        assert isinstance(made, nio.RoomCreateResponse), made
        return made.room_id

    async def join(self, room: str) -> None:
        await self.until(lambda person: room in person.invited)
        joined = await self.client.join(room)
        assert isinstance(joined, nio.JoinResponse), joined

    def texts(self, room: str, sender: str | None = None) -> list[str]:
        """What the room shows of one sender, or of all."""
        shown = self.rooms[room].values()
        return [message.text for message in shown if sender in (None, message.sender)]

    async def until(self, condition: Callable[["Person"], Any], patience: float = 120) -> Any:
        """Waits until this is so, and returns what it says."""
        async with asyncio.timeout(patience):
            while not (found := condition(self)):
                self.changed.clear()
                await self.changed.wait()
        return found

    async def _listen(self) -> None:
        since = None
        while True:
            news = await self.client.sync(timeout=30_000, since=since)
            if not isinstance(news, nio.SyncResponse):
                await asyncio.sleep(0.2)
                continue
            for room, info in news.rooms.join.items():
                events = [event.source for event in info.timeline.events]
                if info.timeline.limited and since is not None:
                    page = await self.client.room_messages(room, info.timeline.prev_batch, since, limit=500)
                    events = [event.source for event in reversed(page.chunk)] + events
                for event in events:
                    self._take(room, event)
            self.invited.update(news.rooms.invite)
            since = news.next_batch
            self.changed.set()

    def _take(self, room_id: str, event: dict[str, Any]) -> None:
        room = self.rooms[room_id]
        if event["type"] == "m.room.member" and event["content"]["membership"] == "leave":
            self.left.setdefault(room_id, set()).add(event["state_key"])
        if event["type"] != "m.room.message" or event["event_id"] in self.heard:
            return
        self.heard.append(event["event_id"])
        content = event["content"]
        relation = content.get("m.relates_to", {})
        if relation.get("rel_type") == "m.replace":
            shown = room.get(relation["event_id"])
            if shown is not None:
                shown.text = content["m.new_content"]["body"]
                shown.texts.append(shown.text)
            return
        thread = relation.get("event_id") if relation.get("rel_type") == "m.thread" else None
        text = content.get("body", "")
        room[event["event_id"]] = Message(event["event_id"], event["sender"], text, content["msgtype"], thread, [text])
