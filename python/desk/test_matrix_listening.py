"""Matrix: what a server may do to the desk that listens to it, with matrix-nio's answers from a script."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import nio
import pytest

from room import asked
from secondme_avatar.desk import Desk
from secondme_avatar.desk._matrix_server import Server
from secondme_avatar.desk.matrix import MatrixConnector
from secondme_avatar.testing import Emulator

BOT, ADA, BOB = "@avatar:desk.test", "@ada:desk.test", "@bob:desk.test"
STAFF = "!staff:desk.test"


def event(
    id: str, sender: str, kind: str = "m.room.message", at: float | None = None, **content: Any
) -> dict[str, Any]:
    sent = round((time.time() if at is None else at) * 1000)
    return {"event_id": id, "sender": sender, "type": kind, "origin_server_ts": sent, "content": content}


SECRET = event("$e", ADA, "m.room.encryption", algorithm="m.megolm.v1.aes-sha2")


def said(id: str, text: str, at: float | None = None, sender: str = ADA) -> dict[str, Any]:
    return event(id, sender, at=at, msgtype="m.text", body=text)


def news(
    token: str, *, invite: tuple[str, ...] = (), encrypted: tuple[str, ...] = (), **rooms: Any
) -> nio.SyncResponse:
    """An answer of the server: the events of each room."""
    # matrix-nio takes an event apart: each has its own.
    members = {
        room: {"type": "m.room.member", "sender": ADA, "state_key": BOT, "content": {"membership": "invite"}}
        for room in invite
    }
    joined = {
        f"!{name}:desk.test": {
            "timeline": {"events": events, "limited": False, "prev_batch": "p"},
            "state": {"events": [SECRET | {"state_key": ""}] if name in encrypted else []},
            "ephemeral": {"events": []},
            "account_data": {"events": []},
        }
        for name, events in rooms.items()
    }
    found = nio.SyncResponse.from_dict(
        {
            "next_batch": token,
            "device_one_time_keys_count": {},
            "rooms": {
                "join": joined,
                "invite": {room: {"invite_state": {"events": [member]}} for room, member in members.items()},
                "leave": {},
            },
            "presence": {"events": []},
            "to_device": {"events": []},
        }
    )
    assert isinstance(found, nio.SyncResponse), found
    return found


class Script:
    """In the place of matrix-nio's client."""

    def __init__(self, *answers: Any) -> None:
        self.user = self.user_id = BOT
        self.answers = deque(answers)
        self.invites: tuple[str, ...] = ()
        self.sends: deque[Any] = deque()
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.joined: list[str] = []
        self.names = {ADA: "Ada"}
        self.changed = asyncio.Event()

    async def whoami(self) -> Any:
        return SimpleNamespace(user_id=BOT)

    async def join(self, room: str) -> Any:
        self.joined.append(room)
        self.changed.set()
        return SimpleNamespace(room_id=room)

    async def joined_members(self, room: str) -> Any:
        names = {BOB: "Bob", "@eve:desk.test": "Eve"} if room == STAFF else self.names
        return SimpleNamespace(members=[SimpleNamespace(user_id=id, display_name=names[id]) for id in names])

    async def sync(self, *, timeout: int, sync_filter: Any, since: str | None) -> Any:
        if since is None and sync_filter["room"]["timeline"]["types"] == []:
            return news("n", invite=self.invites)
        while not self.answers:
            await asyncio.sleep(0.01)
        answer = self.answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def room_send(self, room: str, kind: str, content: dict[str, Any], *, tx_id: str) -> Any:
        if self.sends:
            return self.sends.popleft()
        self.sent.append((room, content))
        self.changed.set()
        return SimpleNamespace(event_id=f"$sent{len(self.sent)}")

    async def room_typing(self, *_: Any, **__: Any) -> Any:
        return None

    async def room_invite(self, *_: Any) -> Any:
        return None

    async def close(self) -> None:
        return

    def texts(self, name: str) -> list[str]:
        return [content["body"].removeprefix("* ") for room, content in self.sent if room == f"!{name}:desk.test"]

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(20):
            while not condition(self):
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def desk_at(emulator: Emulator, script: Script, store: Path) -> AsyncIterator[Desk]:
    connector = MatrixConnector("http://127.0.0.1:9", BOT, access_token="t", staff_room=STAFF)
    connector._server._client = script
    async with emulator.client(store=store) as client, Desk(client, platform="matrix", connector=connector) as desk:
        yield desk


async def test_a_notice_that_is_limited_does_not_end_the_listening(emulator: Emulator, tmp_path: Path) -> None:
    script = Script(news("1"), news("2", encrypted=("secret",), secret=[]), news("3", a=[said("$1", "Hello")]))
    script.sends.append(nio.ErrorResponse("slower", "M_LIMIT_EXCEEDED", 10))
    async with desk_at(emulator, script, tmp_path / "desk.db"):
        await script.until(lambda script: "You said: Hello" in script.texts("a"))
        assert len(script.texts("secret")) == 1


@pytest.mark.parametrize("error", [aiohttp.ClientPayloadError("cut"), aiohttp.ServerDisconnectedError(), KeyError("?")])
async def test_an_answer_that_breaks_off_does_not_end_the_listening(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr("secondme_avatar.desk._matrix_listening._LONGEST_WAIT", 0.01)
    script = Script(news("1"), error, news("2", a=[said("$1", "Hello")]))
    async with desk_at(emulator, script, tmp_path / "desk.db"):
        await script.until(lambda script: "You said: Hello" in script.texts("a"))


async def test_one_with_a_long_name_does_not_stop_the_others(emulator: Emulator, tmp_path: Path) -> None:
    script = Script(news("1"), news("2", a=[said("$1", "Hello")], b=[said("$2", "Good day")]), news("3"))
    script.names = {ADA: "好" * 256}
    async with desk_at(emulator, script, tmp_path / "desk.db"):
        await script.until(lambda script: script.texts("a") and script.texts("b"))
        await script.until(lambda script: not script.answers)


async def test_an_invitation_that_was_told_to_an_earlier_process_is_followed(
    emulator: Emulator, tmp_path: Path
) -> None:
    async with desk_at(emulator, script := Script(news("1")), tmp_path / "desk.db") as desk:
        await desk._connector.catch_up()
    script = Script(news("2"))
    script.invites = ("!late:desk.test", "!later:desk.test")
    async with desk_at(emulator, script, tmp_path / "desk.db"):
        await script.until(lambda script: {*script.invites} <= {*script.joined})


async def test_a_desk_with_an_empty_store_asks_nothing_old_again(emulator: Emulator, tmp_path: Path) -> None:
    old = time.time() - 3600
    joined = event("$j", BOT, "m.room.member", at=old, membership="join") | {"state_key": BOT}
    room = [joined, said("$1", "An hour ago", old + 1), said("$2", "Just now")]
    for number in range(2):
        script = Script(news("1", a=room[: number + 2]))
        async with desk_at(emulator, script, tmp_path / f"{number}.db") as desk:
            await desk._connector.catch_up()
            await desk.idle()
            assert await asked(emulator) == ["Just now"][:number]


async def test_a_reaction_takes_what_no_operator_has_and_on_the_first_message_alone(
    emulator: Emulator, tmp_path: Path
) -> None:
    script = Script(news("1"), news("2", a=[said("$1", "!human")]))

    def react(id: str, sender: str, to: str) -> None:
        relation = {"rel_type": "m.annotation", "event_id": to, "key": "👍"}
        script.answers.append(news(id, staff=[event(f"$r{id}", sender, "m.reaction", **{"m.relates_to": relation})]))

    async with desk_at(emulator, script, tmp_path / "desk.db") as desk:
        await script.until(lambda script: any("Take it:" in text for text in script.texts("staff")))
        await desk.idle()
        ids = [f"$sent{number}" for number, (room, _) in enumerate(script.sent, 1) if room == STAFF]
        root, note = ids[0], ids[-1]
        react("3", BOB, note)
        script.answers.append(news("4", a=[said("$2", "Anyone?")]))
        for number, sender in ((5, BOB), (6, "@eve:desk.test")):
            if number == 5:
                async with asyncio.timeout(20):
                    while script.answers:
                        await asyncio.sleep(0.01)
                view = desk.view("!a:desk.test")
                assert view is not None
                assert view.state == "waiting"
            react(str(number), sender, root)
        script.answers.append(news("7", b=[said("$3", "Last")]))
        await script.until(lambda script: "You said: Last" in script.texts("b"))
        view = desk.view("!a:desk.test")
        assert view is not None
        assert view.operator is not None
        assert view.operator.id == BOB


async def test_who_leaves_the_staff_room_has_no_conversation_any_more(emulator: Emulator, tmp_path: Path) -> None:
    script = Script(news("1"), news("2", a=[said("$1", "!human")], b=[said("$2", "!human")]))
    async with desk_at(emulator, script, tmp_path / "desk.db") as desk:
        await script.until(lambda script: script.texts("a") and script.texts("b"))
        script.answers.append(news("3", a=[said("$3", "Here I am", sender=BOB)], b=[said("$4", "!take", sender=BOB)]))
        await script.until(lambda script: "Bob has joined and answers you in person." in script.texts("b"))
        script.answers.append(
            news(
                "4",
                staff=[event("$5", BOB, "m.room.member", membership="leave") | {"state_key": BOB}],
                a=[event("$6", ADA, "m.room.member", membership="leave") | {"state_key": ADA}],
            )
        )
        await script.until(lambda script: all("Bob has left." in script.texts(room) for room in ("a", "b")))
        await desk.idle()
        assert [view.state for view in desk.views()] == ["waiting", "waiting"]


async def test_what_is_said_while_the_desk_closes_leaves_no_connection_open() -> None:
    server = Server("http://127.0.0.1:9", BOT, "DEVICE", "token")
    saying = asyncio.create_task(server.send("!a:desk.test", {}, "key"))
    await asyncio.sleep(0)
    await server.close()
    with pytest.raises(ConnectionError):
        await saying
    assert server._client.client_session is None
    with pytest.raises(ConnectionError):
        await server.send("!a:desk.test", {}, "key")
    assert server._client.client_session is None
