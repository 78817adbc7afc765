"""The bridge between a platform and the avatar, against the emulator and a platform in memory."""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from conftest import ROOT
from place import Place
from secondme_avatar import AvatarClient, MisuseError, Visitor
from secondme_avatar.bridge import (
    Bridge,
    ErrorContext,
    IncomingMessage,
    Limits,
    PlatformUser,
    RetryLater,
    Undeliverable,
)
from secondme_avatar.testing import Emulator

Brain = Callable[..., None]


def said(id: str, text: str, user: str = "ada", **more: Any) -> IncomingMessage:
    return IncomingMessage(
        id=id, user=PlatformUser(user, name=user.title()), address=f"room of {user}", text=text, **more
    )


def script(emulator: Emulator, *then: Any) -> None:
    emulator.sync.settings(brain={"script": {"rules": [{"when": "any", "then": list(then)}]}})


async def asked(emulator: Emulator) -> list[str]:
    """What the service was asked, in order."""
    entries = (await emulator.journal())["entries"]
    return [entry["body"]["text"] for entry in entries if entry.get("path", "").endswith("/message/send")]


def written(state: dict[str, Any]) -> list[str]:
    """What visitors have written, in order."""
    return [m["text"] for session in state["sessions"] for m in session["messages"] if m["author"] == "visitor"]


async def test_each_message_is_answered_once_in_order(client: AvatarClient) -> None:
    place = Place()
    async with Bridge(client, platform="test", outlet=place) as bridge:
        for number in range(5):
            await bridge.receive(said(f"a{number}", f"number {number}"))
            await bridge.receive(said(f"b{number}", f"and {number}", "bob"))
        await bridge.idle()
    assert place.texts("room of ada") == [f"You said: number {number}" for number in range(5)]
    assert place.texts("room of bob") == [f"You said: and {number}" for number in range(5)]


async def test_a_duplicate_is_accepted_and_nothing_follows(client: AvatarClient) -> None:
    place = Place()
    async with Bridge(client, platform="test", outlet=place) as bridge:
        await asyncio.gather(*(bridge.receive(said("1", "Hello")) for _ in range(3)))
        await bridge.idle()
        await bridge.receive(said("1", "Hello"))
        await bridge.idle()
    assert place.texts() == ["You said: Hello"]


async def test_an_answer_is_shown_while_it_grows(emulator: Emulator, client: AvatarClient) -> None:
    emulator.sync.settings(piece_delay="30ms")
    place = Place(Limits(max_chars=4000, update_interval=0.02))
    async with Bridge(client, platform="test", outlet=place) as bridge:
        await bridge.receive(said("1", "one two three four five six seven eight nine ten"))
        await bridge.idle()
    (message,) = place.messages
    assert message.is_finished
    assert len(message.texts) > 3
    assert message.text == "You said: one two three four five six seven eight nine ten"


async def test_a_long_answer_goes_on_in_another_message(client: AvatarClient) -> None:
    text = "\n\n".join(f"Paragraph {number}. 好好 100 yuan 😀 " + "word " * 20 for number in range(30)).strip()
    place = Place(Limits(max_chars=500, update_interval=0.0))
    async with Bridge(client, platform="test", outlet=place) as bridge:
        await bridge.receive(said("1", text))
        await bridge.idle()
    texts = place.texts()
    assert "".join(texts) == f"You said: {text}"
    assert len(texts) > 5
    assert all(len(part) <= 500 for part in texts)
    assert all(part[-1].isspace() for part in texts[:-1])


async def test_a_platform_s_wait_is_kept_and_the_last_update_comes(emulator: Emulator, client: AvatarClient) -> None:
    emulator.sync.settings(piece_delay="20ms")
    place = Place()
    place.failures = {"update": deque([RetryLater(0.2)]), "finish": deque([RetryLater(0.1), RetryLater(0.1)])}
    async with Bridge(client, platform="test", outlet=place) as bridge:
        await bridge.receive(said("1", "one two three four five six seven eight nine ten"))
        await bridge.idle()
    assert place.texts() == ["You said: one two three four five six seven eight nine ten"]
    finishes = [at for name, at in place.calls if name == "finish"]
    assert len(finishes) == 3
    assert finishes[-1] - finishes[0] >= 0.2


async def test_a_post_that_failed_is_made_again(client: AvatarClient) -> None:
    place = Place(can_open=False)
    place.failures = {"post": deque([OSError("the network")])}
    troubles: list[ErrorContext] = []
    async with Bridge(
        client, platform="test", outlet=place, on_error=lambda _, trouble: troubles.append(trouble)
    ) as bridge:
        await bridge.receive(said("1", "Hello"))
        await bridge.idle()
    assert place.texts() == ["You said: Hello"]
    assert [trouble.during for trouble in troubles] == ["post"]


async def test_a_post_that_may_be_there_is_looked_for(client: AvatarClient) -> None:
    place = Place(can_tell_recent=True)
    place.after = {"open": deque([OSError("the answer was lost")])}
    async with Bridge(client, platform="test", outlet=place, on_error=lambda *_: None) as bridge:
        await bridge.receive(said("1", "Hello"))
        await bridge.idle()
    assert place.texts() == ["You said: Hello"]
    assert place.messages[0].is_finished


async def test_where_a_place_is_gone_the_next_message_is_dealt_with(client: AvatarClient) -> None:
    place = Place(can_open=False)
    place.failures = {"post": deque([Undeliverable("the bot was removed")])}
    async with Bridge(client, platform="test", outlet=place, on_error=lambda *_: None) as bridge:
        await bridge.receive(said("1", "Hello"))
        await bridge.receive(said("2", "Still there?"))
        await bridge.idle()
    assert place.texts() == ["You said: Still there?"]


async def test_what_is_no_text_is_refused_once_and_text_beside_it_is_answered(client: AvatarClient) -> None:
    place = Place()
    async with Bridge(client, platform="test", outlet=place) as bridge:
        await bridge.receive(said("1", "", has_other_parts=True))
        await bridge.receive(said("2", "What is this?", has_other_parts=True))
        await bridge.idle()
    assert place.texts() == [
        "I can only read text here. Please write what you would like to say.",
        "You said: What is this?",
    ]
    assert place.messages[0].author == "bridge"


async def test_after_seven_days_what_is_no_text_is_refused_once_more(client: AvatarClient) -> None:
    place = Place()
    async with Bridge(client, platform="test", outlet=place) as bridge:
        for id in ("1", "2"):
            await bridge.receive(said(id, "", has_other_parts=True))
            await bridge.idle()
            client.advance_clock(7 * 86_400)
    assert len(place.texts()) == 2


async def test_two_people_never_are_the_same_visitor(client: AvatarClient) -> None:
    cases = json.loads((ROOT / "spec" / "bridge-visitors.json").read_text("utf-8"))
    for sessions in ("person", "thread"):
        ids: set[str] = set()
        async with Bridge(client, platform=f"of-{sessions}", outlet=Place(), sessions=sessions) as bridge:
            for number, case in enumerate(case for case in cases if case["sessions"] == sessions):
                user, thread = PlatformUser(**case["user"]), case.get("thread")
                message = IncomingMessage(id=f"{number}", user=user, address="room", text="Hello", thread=thread)
                if case["is"] is None:
                    with pytest.raises(MisuseError, match="thread"):
                        await bridge.receive(message)
                else:
                    ids.add(Visitor.for_user(f"of-{sessions}", case["is"]).id)
                    await bridge.receive(message)
            await bridge.idle()
        notes = await client.notes(f"bridge/of-{sessions}/address")
        assert {note.visitor.id for note in notes} == ids


async def test_the_owner_is_heard_unasked_and_marked(emulator: Emulator, client: AvatarClient) -> None:
    place = Place()
    async with Bridge(client, platform="test", outlet=place, owner_name="Ada") as bridge:
        await bridge.receive(said("1", "Hello"))
        await bridge.idle()
        chat = await client.open(Visitor.for_user("test", "ada"))
        await emulator.owner_reply(chat, "It is me")
        await place.until(lambda place: len(place.messages) == 2)
        await bridge.receive(said("2", "Really?"))
        await emulator.wait_until(lambda state: "Really?" in written(state))
        client.advance_clock(16)
        await bridge.idle()
        await emulator.owner_reply(chat, "Really")
        await place.until(lambda place: len(place.messages) == 4)
    assert place.texts("room of ada") == [
        "You said: Hello",
        "👤 Ada, in person:\nIt is me",
        "Ada has your message and will answer here in person.",
        "👤 Ada, in person:\nReally",
    ]
    assert [message.author for message in place.messages] == ["avatar", "owner", "bridge", "owner"]


async def test_after_the_owner_hands_back_the_avatar_answers_at_once(emulator: Emulator, client: AvatarClient) -> None:
    place = Place()
    async with Bridge(client, platform="test", outlet=place, owner_name="Ada") as bridge:
        await bridge.receive(said("1", "Hello"))
        await bridge.idle()
        chat = await client.open(Visitor.for_user("test", "ada"))
        await emulator.owner_reply(chat, "It is me")
        await place.until(lambda place: len(place.messages) == 2)
        await emulator.owner_handback(chat)
        await bridge.receive(said("2", "Hello again"))
        await bridge.idle()
    assert place.texts()[2:] == ["You said: Hello again"]


async def test_the_owner_s_words_in_an_answer_are_a_message_of_their_own(
    emulator: Emulator, client: AvatarClient
) -> None:
    script(emulator, {"say": "Let me think"}, {"owner": {"says": "I answer this myself"}})
    place = Place()
    place.shows_author = True
    async with Bridge(client, platform="test", outlet=place) as bridge:
        await bridge.receive(said("1", "Hello"))
        await place.until(lambda place: len(place.messages) == 2)
        await bridge.idle()
    assert place.texts() == ["Let me think", "I answer this myself"]
    assert (place.messages[1].author, place.messages[1].owner_name) == ("owner", "My Assistant")


async def test_an_error_is_a_kind_sentence(emulator: Emulator) -> None:
    async with emulator.client(api_key="sk-unknown") as client:
        place = Place()
        options: Any = {"language": "zh", "owner_name": "张三", "on_error": lambda *_: None}
        async with Bridge(client, platform="test", outlet=place, **options) as bridge:
            await bridge.receive(said("1", "Hello"))
            await bridge.idle()
    assert place.texts() == ["我现在无法回答，再试也没有用，需要张三先来处理。"]


async def test_what_is_wrong_is_said_before_anything_is_sent(client: AvatarClient) -> None:
    with pytest.raises(MisuseError, match="there is no sentence 'bussy'"):
        Bridge(client, platform="test", outlet=Place(), sentences={"bussy": "…"})
    with pytest.raises(MisuseError, match="`platform` is the platform's name"):
        Bridge(client, platform="", outlet=Place())
    with pytest.raises(MisuseError, match="`language` is 'fr'"):
        Bridge(client, platform="test", outlet=Place(), language="fr")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="give `max_chars` or `max_bytes`"):
        Limits()
    async with Bridge(client, platform="test", outlet=Place()) as bridge:
        with pytest.raises(MisuseError, match="has no `id`"):
            await bridge.receive(said("", "Hello"))
