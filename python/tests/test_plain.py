"""Values that leave the process: pickled, copied, as dictionaries."""

import asyncio
import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from secondme_avatar import (
    AvatarClient,
    AvatarError,
    Card,
    ConnectionFailedError,
    Conversation,
    DeadlineError,
    HistoryMessage,
    Reply,
    ReplyEvent,
    UnknownEvent,
    UnsentMessage,
    Visitor,
    _native,
    events,
)
from secondme_avatar._plain import event_again
from secondme_avatar.testing import Emulator

WAYS: list[Callable[[Any], Any]] = [lambda value: pickle.loads(pickle.dumps(value)), copy.copy, copy.deepcopy]
SAID = "my secret"
FIELDS: dict[str, dict[str, Any]] = {
    "opened": {"opening": SAID, "resumed": True},
    "state_changed": {"to": "live", "from_": "opening"},
    "reply_delta": {"text": SAID, "reply_id": "r", "in_reply_to": None, "asked": True, "attribution": "guessed"},
    "delivered": {"text": SAID, "message_id": "m"},
    "unsent": {"message": UnsentMessage(SAID, True, "m"), "error": DeadlineError("late", step="connect")},
    "notice": {"text": SAID, "kind": "hint"},
    "service_error": {"code": "c", "reason": SAID, "retryable": True, "message_id": None, "actions": ({SAID: 1},)},
    "unattributed": {"text": SAID, "author": "owner"},
    "session_replaced": {"from_": "s1", "to": "s2"},
    "disconnected": {
        "retry_in": 1.5,
        "cause": ConnectionFailedError("lost", retryable=True),
        "close_code": 1012,
        "close_reason": "restart",
    },
    "reconnected": {"gap": "filled", "frames": 2},
    "waiting_for_quota": {"wait": 2.0},
    "closed": {"reason": "failed", "error": AvatarError("failed")},
    "taken_over": {},
    "handed_back": {},
    "unknown": {},
}
REPLY: dict[str, Any] = {
    "text": SAID,
    "author": "avatar",
    "id": "r",
    "in_reply_to": "m",
    "parts": (SAID, Card("citation", {"price": SAID})),
    "sources": ({"title": SAID},),
    "speech": ({"url": SAID},),
    "ended": "mark",
    "confirmed": True,
    "asked": False,
    "attribution": "certain",
}
FIELDS |= {"reply": REPLY, "owner_reply": {**REPLY, "author": "owner"}}
ABOUT: dict[str, Any] = {
    "visitor_id": Visitor.for_user("web", "u").id,
    "tag": SAID,
    "session_id": "s",
    "conversation": 0,
    "raw": SAID,
}


@pytest.mark.parametrize("name", sorted(events.NAMES))
def test_every_event_is_pickled_copied_and_a_dictionary(name: str) -> None:
    event: Any = event_again(name, {**ABOUT, **FIELDS[name]})
    assert (event.type, set(type(event).__match_args__)) == (name, set(FIELDS[name]))
    for way in WAYS:
        again = way(event)
        assert (type(again), again, hash(again), repr(again)) == (type(event), event, hash(event), repr(event))
        for field, value in {**ABOUT, **FIELDS[name]}.items():
            found = getattr(again, field)
            assert found == value or repr(found) == repr(value)
    written = json.loads(json.dumps(event.to_dict()))
    assert written["type"] == name
    assert written["tag"] == SAID
    assert written.keys() == {"type", *ABOUT, *(field.rstrip("_") for field in FIELDS[name])}


async def test_what_a_conversation_gives_is_pickled_copied_and_a_dictionary(
    client: AvatarClient, chat: Conversation, emulator: Emulator
) -> None:
    card = {"template": "citation", "params": {"price": 12}}
    say = {"text": "See", "whole": True, "cards": [card], "sources": [{"title": "Prices"}]}
    await emulator.settings(brain={"script": {"rules": [{"when": "any", "then": [{"say": say}]}]}})
    heard = client.events()
    reply = await chat.ask("Hello")
    sent = await chat.send("Hello")
    values: list[Any] = [reply, sent, client.stats(), *(await chat.history()), *reply.parts]
    await emulator.push(chat, frame={"type": "news"})
    async for event in heard:
        values.append(event)
        if isinstance(event, UnknownEvent):
            break
    assert {type(value) for value in values} >= {Reply, ReplyEvent, HistoryMessage, Card}
    for value in values:
        for way in WAYS:
            assert way(value) == value
        if not isinstance(value, str):
            json.dumps(value.to_dict())
    assert reply.to_dict()["parts"] == ["See", card]
    again = pickle.loads(pickle.dumps(reply))
    assert (again.parts, again.sources, again.in_reply_to) == (reply.parts, reply.sources, reply.in_reply_to)
    assert reply != await chat.ask("Hello")


async def test_a_failure_keeps_its_cause_in_a_pickle_and_in_a_dictionary() -> None:
    client = AvatarClient("sk-test", base_url="http://127.0.0.1:9", open_deadline=0.2)
    with pytest.raises(AvatarError) as failed:
        await client.open(Visitor.for_user("test", "ada"))
    error = failed.value
    for way in WAYS[::2]:
        again = way(error)
        assert (type(again), again.args, again.to_dict()) == (type(error), error.args, error.to_dict())
    written = json.loads(json.dumps(error.to_dict()))
    assert (written["kind"], written["message"]) == (error.kind, error.message)
    assert written["cause"]
    closed: Any = event_again("closed", {**ABOUT, "reason": "failed", "error": error})
    assert pickle.loads(pickle.dumps(closed)).error.to_dict() == error.to_dict()


def test_a_visitor_is_pickled_with_its_tag() -> None:
    visitor = Visitor.for_user("web", "u", name="Ada", channel="web", tag="group 7")
    for way in WAYS:
        again = way(visitor)
        assert (again, again.name, again.channel, again.tag) == (visitor, "Ada", "web", "group 7")


def test_a_pickle_of_an_event_that_is_not_known_here_says_so() -> None:
    with pytest.raises(ValueError, match="no event `later`"):
        event_again("later", ABOUT)


def test_what_an_earlier_version_did_not_have_is_none() -> None:
    event: Any = event_again("reply", {"visitor_id": ABOUT["visitor_id"], "text": SAID})
    assert isinstance(event, ReplyEvent)
    assert [getattr(event, name) for name in ("text", "tag", "asked", "raw")] == [SAID, None, None, None]


def test_what_holds_connections_is_not_pickled(emulator: Emulator) -> None:
    client = emulator.client()
    for value in (client, client._native, client.events()):
        with pytest.raises(TypeError):
            pickle.dumps(value)
    assert isinstance(client._native, _native.Client)
    asyncio.run(client.close())
