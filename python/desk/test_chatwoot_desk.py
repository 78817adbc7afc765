"""The desk at Chatwoot: the fake stands for Chatwoot, the emulator for the avatar and its owner."""

import contextlib
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chatwoot_stage import FakeChatwoot, fake_chatwoot, served
from secondme_avatar import AvatarClient, Visitor
from secondme_avatar.desk import BusinessHours, Desk, Line
from secondme_avatar.desk.chatwoot import ChatwootAccount, ChatwootConnector
from secondme_avatar.testing import Emulator

JOINED = "Avatar: Carol has joined and answers you in person."
LEFT = "Avatar: Carol has left."
ENDED = "(Ended here: a person takes over.)"
BACK = "Avatar: My Assistant answers again."


class Door:
    """An ASGI app that stays while the desk behind it is started anew."""

    def __init__(self) -> None:
        self.app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.app is not None:
            await self.app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def accounts(fake: FakeChatwoot, **more: Any) -> list[ChatwootAccount]:
    return [
        ChatwootAccount(one["id"], one["botToken"], (one["botSecret"], one["webhookSecret"]), **more)
        for one in fake.accounts
    ]


@contextlib.asynccontextmanager
async def desk_at(fake: FakeChatwoot, client: AvatarClient, door: Door, **options: Any) -> AsyncIterator[Desk]:
    taken_by = options.pop("taken_by", "assignment")
    connector = ChatwootConnector(fake.url, accounts(fake, **options.pop("account", {})), taken_by=taken_by)
    async with Desk(client, platform="chatwoot", connector=connector, **options) as desk:
        door.app = connector
        try:
            yield desk
        finally:
            door.app = None


@contextlib.asynccontextmanager
async def scene(emulator: Emulator, **options: Any) -> AsyncIterator[tuple[FakeChatwoot, Desk, AvatarClient]]:
    door = Door()
    async with fake_chatwoot() as fake, served(door) as url, emulator.client() as client:
        await fake.control("webhook", url=url)
        async with desk_at(fake, client, door, **options) as desk:
            yield fake, desk, client


async def heard_by_the_avatar(emulator: Emulator) -> list[str]:
    """Everything that went out to the service, as its journal has it."""
    entries = (await emulator.journal())["entries"]
    sent = [one for one in entries if one.get("call") == "message/send" and one["what"] == "request"]
    return [one["body"]["data"]["content"] for one in sent]


async def transcript(desk: Desk, conversation: str = "1/1") -> list[Line]:
    return [line async for line in desk.transcript(conversation)]


async def is_quiet(fake: FakeChatwoot, desk: Desk) -> None:
    await fake.until_delivered()
    await desk.idle()
    await fake.until_delivered()


async def test_from_the_avatar_to_a_person_and_back(emulator: Emulator) -> None:
    async with scene(emulator, owner_name="Ada", account={"team": 15}) as (fake, desk, client):
        await fake.say("Ann", "Hello")
        said = ["Ann: Hello", "Avatar: You said: Hello"]
        await fake.until_said(1, said)

        await fake.say("Ann", "human")
        said += ["Ann: human", "Avatar: You are waiting for a person. Your place in the queue: 1."]
        await fake.until_said(1, said)
        await is_quiet(fake, desk)
        chat = await fake.chat(1)
        assert (chat["status"], chat["team"]) == ("open", 15)
        [note] = await fake.said(1, private=True)
        assert "Hello" in note
        assert "You said: Hello" in note

        await fake.act(1, "take")
        said += [JOINED]
        await fake.until_said(1, said)
        await fake.act(1, "reply", "Carol here")
        await fake.say("Ann", "My order is late")
        said += ["Carol: Carol here", "Ann: My order is late"]
        await fake.until_said(1, said)
        await is_quiet(fake, desk)

        chat_with_avatar = await client.open(Visitor.for_user("chatwoot", "1/1"))
        await emulator.owner_reply(chat_with_avatar, "Give her a voucher")

        async def noted() -> bool:
            return len(await fake.said(1, private=True)) == 2

        await fake.until(noted)
        assert "Give her a voucher" in (await fake.said(1, private=True))[1]
        assert await fake.said(1) == said
        await emulator.owner_handback(chat_with_avatar)

        await fake.act(1, "pending")
        said += [LEFT, BACK]
        await fake.until_said(1, said)
        await fake.say("Ann", "Thank you")
        said += ["Ann: Thank you", "Avatar: You said: Thank you"]
        await fake.until_said(1, said)
        await is_quiet(fake, desk)
        chat = await fake.chat(1)
        assert (chat["status"], chat["assignee"]) == ("pending", None)

        assert await heard_by_the_avatar(emulator) == ["Hello", "Thank you"]
        lines = await transcript(desk)
        assert [(line.author, line.text) for line in lines if line.author in ("visitor", "operator", "avatar")] == [
            ("visitor", "Hello"),
            ("avatar", "You said: Hello"),
            ("visitor", "human"),
            ("operator", "Carol here"),
            ("visitor", "My order is late"),
            ("visitor", "Thank you"),
            ("avatar", "You said: Thank you"),
        ]
        assert {line.name for line in lines if line.author == "operator"} == {"Carol"}
        assert [line.is_private for line in lines if line.author == "owner"] == [True]


async def test_a_takeover_in_the_middle_of_a_reply_shows_what_was_said_and_stops_it(emulator: Emulator) -> None:
    await emulator.settings(piece_delay="60ms")
    question = ("a long story " * 20).strip()
    async with scene(emulator) as (fake, desk, _):
        await fake.say("Ann", question)

        async def has_begun() -> bool:
            return any(telling._text for telling in desk._core.bridge._answerer.endings._telling.values())

        await fake.until(has_begun)
        await fake.act(1, "take")
        await fake.until(lambda: is_last(fake, JOINED))
        asked, said, joined = await fake.said(1)
        assert (asked, joined) == (f"Ann: {question}", JOINED)
        begun, mark, _ = said.partition(f"\n\n{ENDED}")
        assert mark
        assert f"Avatar: You said: {question}".startswith(begun)
        await fake.say("Ann", "To Carol alone")
        await emulator.settings(piece_delay="0ms")
        await emulator.wait_until(lambda state: not state["sessions"][0]["busy"])
        await is_quiet(fake, desk)
        assert len(await fake.said(1)) == 4
        await fake.act(1, "pending")
        await fake.say("Ann", "And now?")
        await fake.until(lambda: is_last(fake, "Avatar: You said: And now?"))
        before, rest = (await fake.said(1))[:4], (await fake.said(1))[4:]
        assert before == [asked, said, joined, "Ann: To Carol alone"]
        # The visitor may write before it is told.
        assert sorted(rest) == sorted([LEFT, BACK, "Ann: And now?", "Avatar: You said: And now?"])
        assert rest.index(LEFT) < rest.index(BACK) < rest.index("Avatar: You said: And now?")
        assert await heard_by_the_avatar(emulator) == [question, "And now?"]


async def is_last(fake: FakeChatwoot, line: str) -> bool:
    return (await fake.said(1))[-1:] == [line]


async def test_out_of_hours_the_visitor_hears_when_people_are_back(emulator: Emulator) -> None:
    hours = BusinessHours("Europe/Berlin", {"mon-sun": "00:00-24:00"}, holidays=["2020-01-01/2029-12-31"])
    async with scene(emulator, hours=hours) as (fake, desk, _):
        await fake.say("Ann", "human")
        await fake.say("Ann", "Then you")
        await is_quiet(fake, desk)
        said = await fake.said(1)
        assert said[0] == "Ann: human"
        late = next(line for line in said if "No one is here" in line)
        assert "No opening is planned" in late
        assert said[-1] == "Avatar: You said: Then you"
        assert (await fake.chat(1))["status"] == "pending"


async def test_a_file_is_refused_once(emulator: Emulator) -> None:
    async with scene(emulator) as (fake, desk, _):
        picture = [{"name": "x.png", "type": "image"}]
        for text in ("", "Look", ""):
            await fake.say("Ann", text, attachments=picture)
            await is_quiet(fake, desk)
        refusals = [line for line in await fake.said(1) if "I can only read text" in line]
        assert len(refusals) == 1
        assert "Avatar: You said: Look" in await fake.said(1)


async def test_a_closed_conversation_begins_anew(emulator: Emulator) -> None:
    async with scene(emulator) as (fake, desk, _):
        await fake.say("Ann", "Hello")
        await is_quiet(fake, desk)
        await fake.act(1, "resolve")
        await is_quiet(fake, desk)
        view = await desk.find("1/1")
        assert view is not None
        assert view.state == "closed"
        await fake.say("Ann", "Me again")
        await fake.until_said(
            1,
            [
                "Ann: Hello",
                "Avatar: You said: Hello",
                "Avatar: This conversation is closed. Write again at any time.",
                "Ann: Me again",
                "Avatar: You said: Me again",
            ],
        )
        await is_quiet(fake, desk)
        assert (await fake.chat(1))["status"] == "pending"


async def test_an_agent_who_takes_while_chatwoot_limits_calls_keeps_the_conversation(emulator: Emulator) -> None:
    async with scene(emulator) as (fake, desk, _):
        await fake.say("Ann", "human")
        await is_quiet(fake, desk)
        await fake.fault(name="toggle_status", status=429, retryAfter=2)
        await fake.say("Ann", "bot")

        async def is_limited() -> bool:
            calls = (await fake.look("calls"))["calls"]
            return any((one["name"], one["status"]) == ("toggle_status", 429) for one in calls)

        await fake.until(is_limited)
        await fake.act(1, "take")
        await is_quiet(fake, desk)
        chat = await fake.chat(1)
        assert (chat["status"], chat["assignee"]) == ("open", 11)
        assert not [one for one in chat["messages"] if "marked pending" in one["text"]]
        view = desk.view("1/1")
        assert view is not None
        assert view.state == "person"


async def test_what_waits_is_assigned_to_an_agent_and_still_waits(emulator: Emulator) -> None:
    async with scene(emulator, account={"agent": 11}) as (fake, desk, _):
        await fake.say("Ann", "human")
        await is_quiet(fake, desk)
        view = desk.view("1/1")
        assert view is not None
        assert (view.state, (await fake.chat(1))["assignee"]) == ("waiting", 11)
        assert JOINED not in await fake.said(1)
        await fake.act(1, "reply", "Carol here")
        await is_quiet(fake, desk)
        assert (await fake.said(1)).count(JOINED) == 1


async def test_with_automatic_assignment_a_colleague_takes_by_their_first_reply(emulator: Emulator) -> None:
    async with scene(emulator, taken_by="reply") as (fake, desk, _):
        await fake.say("Ann", "Hello")
        await is_quiet(fake, desk)
        await fake.act(1, "take")
        await fake.act(1, "reply", "Carol here")
        await is_quiet(fake, desk)
        await fake.act(1, "reply", "Only a word", agent="Dave")
        await is_quiet(fake, desk)
        assert [view.operator and view.operator.name for view in desk.views()] == ["Carol"]
        await fake.act(1, "take", agent="Dave")
        await is_quiet(fake, desk)
        assert [view.operator and view.operator.name for view in desk.views()] == ["Carol"]
        await fake.act(1, "reply", "Dave here", agent="Dave")
        await is_quiet(fake, desk)
        assert [view.operator and view.operator.name for view in desk.views()] == ["Dave"]
        said = await fake.said(1)
        assert said[-3:] == ["Dave: Dave here", LEFT, "Avatar: Dave has joined and answers you in person."]
        assert said.count(JOINED) == 1


async def test_what_agents_did_while_the_desk_was_down_is_not_undone(emulator: Emulator, tmp_path: Path) -> None:
    door = Door()
    async with fake_chatwoot() as fake, served(door) as url:
        await fake.control("webhook", url=url)
        async with emulator.client(store=tmp_path / "desk.db") as client, desk_at(fake, client, door) as desk:
            for name in ("Ann", "Bob"):
                await fake.say(name, "Hello")
            await is_quiet(fake, desk)
        await fake.act(1, "take")
        await fake.act(2, "resolve")
        async with emulator.client(store=tmp_path / "desk.db") as client, desk_at(fake, client, door) as desk:
            await is_quiet(fake, desk)
            chats = [await fake.chat(number) for number in (1, 2)]
            assert [(chat["status"], chat["assignee"]) for chat in chats] == [("open", 11), ("resolved", None)]
            views = [await desk.find(f"1/{number}") for number in (1, 2)]
            assert [view and view.state for view in views] == ["person", "closed"]
        assert sorted(await heard_by_the_avatar(emulator)) == ["Hello", "Hello"]


FAULTS: list[dict[str, Any]] = [{"status": 429, "retryAfter": 1}, {"cut": "after"}]


async def test_fifty_conversations_with_faults_takeovers_and_a_restart(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each word is where it belongs, once and in order, and no word that is an operator's reaches the avatar."""
    # Chatwoot tells of each message whose call was cut, on a busy machine later.
    monkeypatch.setattr("secondme_avatar.desk.chatwoot._LOOK", 60.0)
    people, taken = range(50), range(0, 50, 5)
    others = [person for person in people if person not in taken]
    chance, door = random.Random(24), Door()
    async with fake_chatwoot() as fake, served(door) as url:
        await fake.control("webhook", url=url)
        numbers: dict[int, int] = {}

        async def say(word: str, people: Any) -> None:
            await fake.fault(duplicate=10)
            for fault in chance.choices(FAULTS, k=4):
                await fake.fault(name="messages.create", **fault)
            for person in people:
                said = await fake.say(f"visitor {person}", f"{word} of {person}")
                numbers[person] = said["conversation"]

        async def are_answered(word: str, people: Any) -> None:
            async def all_are() -> bool:
                said = await fake.said_everywhere()
                return all(f"Avatar: You said: {word} of {person}" in said[numbers[person]] for person in people)

            await fake.until(all_are, patience=240)

        async with emulator.client(store=tmp_path / "desk.db") as client, desk_at(fake, client, door) as desk:
            await say("one", people)
            await are_answered("one", people)
            for person in taken:
                await fake.act(numbers[person], "take")
            await is_quiet(fake, desk)
            await say("two", people[:25])
            await fake.until_delivered()
            # The desk is stopped while answers are on their way, and what is said then waits at Chatwoot.
            await fake.fault(hold=True)
            await say("two", people[25:])
        async with emulator.client(store=tmp_path / "desk.db") as client, desk_at(fake, client, door) as desk:
            await fake.fault(release="ordered")
            await are_answered("two", others)
            for person in taken:
                await fake.act(numbers[person], "reply", f"Carol to {person}")
            await is_quiet(fake, desk)
            for person in taken:
                await fake.act(numbers[person], "pending")
            await is_quiet(fake, desk)
            await say("three", people)
            await are_answered("three", people)
            await is_quiet(fake, desk)
        said = await fake.said_everywhere()
        for person in people:
            lines = [line.removeprefix(f"visitor {person}: ") for line in said[numbers[person]]]
            assert lines == expected(person, person in taken)
        heard = await heard_by_the_avatar(emulator)
        assert sorted(heard) == sorted(
            [f"{word} of {person}" for word in ("one", "three") for person in people]
            + [f"two of {person}" for person in others]
        )


def expected(person: int, is_taken: bool) -> list[str]:
    """What stands in a conversation at the end."""
    first = [f"one of {person}", f"Avatar: You said: one of {person}"]
    second = [f"two of {person}", f"Avatar: You said: two of {person}"]
    if is_taken:
        second = [JOINED, f"two of {person}", f"Carol: Carol to {person}", LEFT, BACK]
    return [*first, *second, f"three of {person}", f"Avatar: You said: three of {person}"]
