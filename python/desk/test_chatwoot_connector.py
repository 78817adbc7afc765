"""What Chatwoot's connector makes of webhooks."""

import asyncio
import hashlib
import hmac
import json
import time
from typing import Any, cast

import httpx
import pytest

from chatwoot_heard import Heard, accounts, has_answers, post, scene, view
from chatwoot_stage import fake_chatwoot, served
from secondme_avatar.desk import Desk, Operator, State
from secondme_avatar.desk.chatwoot import ChatwootConnector


async def test_a_message_is_heard_once_though_bot_and_account_are_told() -> None:
    async with scene() as at:
        await at.fake.say("Ann", "Hello")
        await at.fake.say("Ann", "", attachments=[{"name": "x.png", "type": "image"}])
        assert sorted(await at.settled(), key=str) == [("visitor_said", ""), ("visitor_said", "Hello")]
        events = [(one["event"], one["kind"], one["status"]) for one in (await at.fake.look("webhooks"))["answers"]]
        assert events.count(("message_created", "bot", 200)) == 2
        assert events.count(("message_created", "account", 200)) == 2
        await at.fake.fault(redeliver="all")
        assert len(await at.settled()) == 2


async def test_what_the_bot_writes_and_what_is_of_other_inboxes_is_not_heard() -> None:
    async with scene({"inboxes": frozenset({101})}) as at:
        await at.fake.say("Ann", "Hello")
        await at.settled()
        await at.connector.post("1/1", post("Good day"))
        await at.connector.note("1/1", "for the team", "key/2")
        await at.fake.say("Bob", "elsewhere", inbox=102)
        assert await at.settled() == [("visitor_said", "Hello")]
        assert await at.fake.said(1) == ["Ann: Hello", "Avatar: Good day"]
        assert await at.fake.said(1, private=True) == ["Avatar: for the team"]


# Older versions tell a bot of openings and closings alone: the page asks for both webhooks.
@pytest.mark.parametrize(
    ("hook", "version"),
    [
        ("bot", {}),
        ("account", {}),
        (None, {}),
        ("account", {"botUpdates": False}),
        (None, {"botUpdates": False}),
    ],
)
async def test_an_agent_takes_answers_gives_back_and_closes(version: dict[str, bool], hook: str | None) -> None:
    async with scene({"inboxes": frozenset({101})}, hooks=False) as at:
        await at.fake.control("version", **version)
        await at.fake.control("webhook", url=at.url, **({"kind": hook} if hook else {}))
        for step in [
            lambda: at.fake.say("Ann", "Hello"),
            lambda: at.fake.act(1, "take"),
            lambda: at.fake.act(1, "reply", "Good day"),
            lambda: at.fake.act(1, "note", "A note"),
            lambda: at.fake.say("Ann", "How are you?"),
            lambda: at.fake.act(1, "take", agent="Dave"),
            lambda: at.fake.act(1, "unassign"),
            lambda: at.fake.act(1, "take"),
            lambda: at.fake.act(1, "pending"),
            lambda: at.fake.act(1, "resolve"),
            lambda: at.fake.say("Ann", "Me again"),
        ]:
            await step()
            told = await at.settled()
        assert told == [
            ("visitor_said", "Hello"),
            ("taken", "Carol"),
            ("operator_said", "Good day"),
            ("operator_noted", "A note"),
            ("visitor_said", "How are you?"),
            ("taken", "Dave"),
            ("left", "Dave"),
            ("taken", "Carol"),
            ("handed_back", None),
            ("closed", None),
            *sorted([("reopened", None), ("visitor_said", "Me again")], key=lambda one: told.index(one)),
        ]


async def test_an_agent_who_only_answers_has_the_conversation() -> None:
    async with scene() as at:
        await at.fake.say("Ann", "Hello")
        await at.fake.act(1, "reply", "Carol here")
        assert await at.settled() == [("visitor_said", "Hello"), ("operator_said", "Carol here")]
        await at.connector.show_state(view("person", Operator("11", "Carol")))
        assert (await at.fake.chat(1))["status"] == "open"
        assert len(await at.settled()) == 2


async def test_with_automatic_assignment_the_first_reply_takes() -> None:
    async with scene(taken_by="reply") as at:
        await at.fake.say("Ann", "Hello")
        await at.fake.act(1, "take")
        await at.settled()
        await at.fake.act(1, "reply", "Carol here")
        assert await at.settled() == [("visitor_said", "Hello"), ("queued", None), ("operator_said", "Carol here")]


async def test_an_opening_that_is_told_as_an_update_alone_is_heard() -> None:
    async with scene() as at:
        await at.fake.say("Ann", "Hello")
        await at.settled()
        await at.fake.fault(drop="conversation_status_changed")
        await at.fake.fault(drop="conversation_opened")
        await at.fake.act(1, "take")
        assert await at.settled() == [("visitor_said", "Hello"), ("taken", "Carol")]


@pytest.mark.parametrize("order", ["ordered", "reversed"])
async def test_webhooks_in_another_order_come_to_the_same(order: str) -> None:
    async with scene() as at:
        await at.fake.say("Ann", "Hello")
        await at.settled()
        await at.fake.fault(hold=True)
        await at.fake.act(1, "take")
        await at.fake.say("Ann", "Are you there?")
        await at.fake.act(1, "pending")
        await at.fake.act(1, "take", agent="Dave")
        await at.fake.fault(release=order)
        told = await at.settled()
        assert told.count(("visitor_said", "Are you there?")) == 1
        assert at.heard.views_of["1/1"].state == "person"
        assert at.heard.views_of["1/1"].operator == Operator("12", "Dave")
        await at.fake.fault(redeliver="all")
        await at.settled()
        assert at.heard.views_of["1/1"].operator == Operator("12", "Dave")


async def test_a_message_is_told_after_the_takeover_under_which_it_was_written() -> None:
    async with scene() as at:
        await at.fake.say("Ann", "Hello")
        await at.settled()
        await at.fake.fault(drop="conversation_updated", times=10)
        await at.fake.fault(drop="conversation_status_changed", times=10)
        await at.fake.fault(drop="conversation_opened", times=10)
        await at.fake.act(1, "take")
        await at.fake.say("Ann", "To Carol")
        assert await at.settled() == [("visitor_said", "Hello"), ("taken", "Carol"), ("visitor_said", "To Carol")]


async def test_what_the_desk_shows_is_not_told_back_to_it() -> None:
    async with scene({"team": 15}) as at:
        await at.fake.say("Ann", "Hello")
        await at.settled()
        await at.fake.fault(hold=True)
        for state in ("waiting", "bot", "waiting"):
            at.heard.views_of["1/1"] = view(cast(State, state))
            await at.connector.show_state(at.heard.views_of["1/1"])
        await at.fake.fault(release="reversed")
        assert await at.settled() == [("visitor_said", "Hello")]
        chat = await at.fake.chat(1)
        assert (chat["status"], chat["team"]) == ("open", 15)
        await at.fake.act(1, "take")
        await at.settled()
        at.heard.views_of["1/1"] = view("bot")
        await at.connector.show_state(view("bot"))
        chat = await at.fake.chat(1)
        assert (chat["status"], chat["assignee"]) == ("pending", None)
        await at.fake.act(1, "take")
        await at.settled()
        assert at.heard.told()[1:] == [("taken", "Carol"), ("taken", "Carol")]
        await at.connector.show_state(view("closed"))
        assert (await at.fake.chat(1))["status"] == "resolved"


@pytest.mark.parametrize("order", ["ordered", "reversed"])
async def test_a_message_that_was_under_way_while_the_desk_opened_is_no_hand_back(order: str) -> None:
    async with scene() as at:
        await at.fake.say("Ann", "human")
        await at.settled()
        await at.fake.fault(hold=True)
        await at.fake.say("Ann", "Is anybody there?")
        at.heard.views_of["1/1"] = view("waiting")
        await at.connector.show_state(view("waiting"))
        await at.fake.fault(release=order)
        assert sorted(await at.settled(), key=str) == [
            ("visitor_said", "Is anybody there?"),
            ("visitor_said", "human"),
        ]
        await at.fake.act(1, "pending")
        assert (await at.settled())[2:] == [("handed_back", None)]


@pytest.mark.parametrize("order", ["ordered", "reversed"])
async def test_a_hand_back_that_comes_before_the_report_of_the_opening_is_heard(order: str) -> None:
    async with scene() as at:
        await at.fake.say("Ann", "human")
        await at.settled()
        await at.fake.fault(hold=True)
        at.heard.views_of["1/1"] = view("waiting")
        await at.connector.show_state(view("waiting"))
        await at.fake.act(1, "pending")
        await at.fake.fault(release=order)
        assert (await at.settled())[1:] == [("handed_back", None)]


async def test_a_webhook_that_could_not_be_kept_comes_again() -> None:
    async with scene(hooks=False) as at:
        await at.fake.control("webhook", url=at.url, kind="bot")
        at.heard.failures = 2
        await at.fake.say("Ann", "Hello")
        for attempts in (1, 2):
            await at.fake.until(lambda attempts=attempts: has_answers(at.fake, 500, attempts))
            await at.fake.control("clock", advanceMs=3000)
        assert await at.settled() == [("visitor_said", "Hello")]
        assert (await at.fake.chat(1))["status"] == "pending"


async def test_what_is_not_signed_by_chatwoot_is_refused() -> None:
    async with scene({"inboxes": frozenset({101})}, hooks=False) as at, httpx.AsyncClient(trust_env=False) as http:
        await at.fake.say("Ann", "Hello")
        payload = {
            "event": "message_created",
            "id": 1,
            "message_type": "incoming",
            "content": "secret words",
            "account": {"id": 1},
            "conversation": {"id": 1, "inbox_id": 101, "status": "pending", "meta": {"sender": {"id": 5}}},
        }
        body = json.dumps(payload).encode()
        secret = at.fake.accounts[0]["webhookSecret"]
        now = int(time.time())

        async def status(time: Any, key: str, said: bytes = body, sent: bytes | None = None) -> int:
            sign = hmac.new(key.encode(), f"{time}.".encode() + said, hashlib.sha256).hexdigest()
            headers = {"X-Chatwoot-Timestamp": f"{time}", "X-Chatwoot-Signature": f"sha256={sign}"}
            answer = await http.post(at.url, content=sent or said, headers=headers)
            assert "secret words" not in answer.text
            return answer.status_code

        assert await status(now, "wrong") == 401
        assert await status(now - 301, secret) == 401
        assert await status(now + 600, secret) == 401
        assert await status("soon", secret) == 401
        assert await status("-1", secret) == 401
        assert await status(now, secret, sent=body + b" ") == 401
        assert await status(now, at.fake.accounts[1]["botSecret"]) == 401
        assert (await http.post(at.url, content=body)).status_code == 401
        assert at.heard.calls == []
        assert await status(now, secret, b"no json") == 400
        assert await status(now, secret, b"[1]") == 400
        assert await status(now, secret, b'{"event": "message_created", "message_type": "incoming", "id": 1}') == 400
        assert await status(now, secret, b"[" * 100_000) == 400
        assert await status(now, secret, b'{"event": "webwidget_triggered"}') == 200
        assert await status(now, secret, b"x" * (1 << 20 | 1)) == 413
        got = await http.get(at.url)
        assert (got.status_code, got.headers["allow"]) == (405, "POST")
        assert at.heard.calls == []
        assert await status(now, secret) == 200
        assert at.heard.told() == [("visitor_said", "secret words")]


async def test_a_forged_webhook_leaves_the_conversation_to_the_agents() -> None:
    async with scene(hooks=False) as at:
        await at.fake.control("webhook", url=at.url, kind="bot")
        await at.fake.fault(forge=1)
        await at.fake.say("Ann", "Hello")
        await at.fake.until_delivered()
        assert at.heard.told()[:1] != [("visitor_said", "Hello")]
        assert (await at.fake.chat(1))["status"] == "open"


async def test_a_webhook_before_the_desk_is_started_comes_again() -> None:
    async with fake_chatwoot() as fake:
        connector = ChatwootConnector(fake.url, accounts(fake))
        async with served(connector) as url:
            await fake.control("webhook", url=url, kind="bot")
            await fake.say("Ann", "Hello")
            await fake.until(lambda: has_answers(fake, 500, 1))
            heard = Heard()
            await connector.start(cast(Desk, heard))
            await fake.control("clock", advanceMs=3000)
            await fake.until_delivered()
            assert heard.told() == [("visitor_said", "Hello")]
        await connector.close()


async def test_reports_of_many_conversations_at_once_are_each_told_where_they_belong() -> None:
    async with scene() as at:
        await asyncio.gather(*(at.fake.say(f"visitor {number}", f"word {number}") for number in range(60)))
        await at.settled()
        said = sorted(what for name, _, what in at.heard.calls if name == "visitor_said")
        assert said == sorted(f"word {number}" for number in range(60))
        assert len({of for _, of, _ in at.heard.calls}) == 60
