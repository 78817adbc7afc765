"""What Chatwoot's connector makes of what happens while the desk is down, and of what was never the bot's."""

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest

from chatwoot_heard import Heard, accounts, post, scene, view
from chatwoot_stage import FakeChatwoot, fake_chatwoot
from secondme_avatar.bridge import RetryLater
from secondme_avatar.desk import Desk, Operator
from secondme_avatar.desk.chatwoot import ChatwootConnector


async def test_an_inbox_without_the_bot_is_left_alone() -> None:
    async with scene() as at:
        await at.fake.say("Bob", "to the office", inbox=103)
        await at.fake.act(1, "take")
        await at.fake.act(1, "reply", "Good day")
        await at.fake.act(1, "pending")
        assert await at.settled() == []
        assert await at.fake.said(1) == ["Bob: to the office", "Carol: Good day"]
        await at.fake.say("Ann", "Hello")
        await at.settled()
        assert at.heard.told("1/2") == [("visitor_said", "Hello")]
        assert at.heard.kept == {"chatwoot/1/inboxes": "101"}


async def test_what_an_agent_had_before_the_bot_came_stays_theirs_until_it_is_given_to_the_bot() -> None:
    async with scene(hooks=False) as at:
        await at.fake.say("Ann", "Hello")
        await at.fake.act(1, "take")
        await at.fake.control("webhook", url=at.url)
        await at.fake.say("Bob", "I am new")
        await at.fake.act(1, "reply", "Good day")
        await at.fake.act(1, "unassign")
        assert await at.settled() == []
        await at.fake.act(1, "pending")
        await at.fake.say("Ann", "And now?")
        assert await at.settled() == [("visitor_said", "And now?")]


@pytest.mark.parametrize("order", ["ordered", "reversed"])
async def test_a_takeover_that_comes_before_the_first_message_is_heard(order: str) -> None:
    async with scene(hooks=False) as at:
        await at.fake.control("webhook", url=at.url)
        await at.fake.fault(hold=True)
        await at.fake.say("Ann", "Hello")
        await at.fake.act(1, "take")
        await at.fake.fault(release=order)
        assert sorted(await at.settled(), key=str) == [("taken", "Carol"), ("visitor_said", "Hello")]
        assert at.heard.views_of["1/1"].operator == Operator("11", "Carol")


async def calls_of(fake: FakeChatwoot, *names: str) -> list[str]:
    return [one["name"] for one in (await fake.look("calls"))["calls"] if one["name"] in names]


async def test_what_agents_did_meanwhile_is_heard_before_anything_is_shown() -> None:
    async with fake_chatwoot() as fake:
        for name in ("Ann", "Bob", "Cem"):
            await fake.say(name, "Hello")
        await fake.act(1, "take")
        await fake.act(2, "resolve")
        connector, heard = ChatwootConnector(fake.url, accounts(fake)), Heard()
        # What is told at the start comes too late here.
        await connector.start(cast(Desk, heard))
        heard.views_of = {f"1/{number}": view("bot", conversation=f"1/{number}") for number in (1, 2, 3)}
        for number in (1, 2, 3):
            await connector.show_state(heard.views_of[f"1/{number}"])
        assert heard.calls == [("taken", "1/1", "Carol"), ("closed", "1/2", None)]
        chats = [await fake.chat(number) for number in (1, 2, 3)]
        assert [(chat["status"], chat["assignee"]) for chat in chats] == [
            ("open", 11),
            ("resolved", None),
            ("pending", None),
        ]
        assert await calls_of(fake, "toggle_status", "assignments.create") == []
        await connector.close()


def with_token(fake: FakeChatwoot) -> ChatwootConnector:
    account = replace(accounts(fake)[0], agent_token=fake.accounts[0]["agents"][0]["token"])
    return ChatwootConnector(fake.url, [account], patience=0.1)


async def test_reading_goes_on_where_the_desk_waits_no_longer() -> None:
    async with fake_chatwoot() as fake:
        for number in range(40):
            await fake.say(f"visitor {number}", "Hello")
        connector, heard = with_token(fake), Heard()
        heard.kept["chatwoot/1/inboxes"] = "101"
        await connector.start(cast(Desk, heard))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(connector.catch_up(), 0.001)
        await connector.catch_up()
        await connector.close()
        assert sorted(heard.calls) == sorted(("visitor_said", f"1/{number + 1}", "Hello") for number in range(40))


async def test_a_conversation_that_cannot_be_read_stops_no_other() -> None:
    async with fake_chatwoot() as fake:
        for name in ("Ann", "Bob", "Cem"):
            await fake.say(name, "Hello")
        await fake.fault(name="messages.index", status=404)
        connector, heard = with_token(fake), Heard()
        heard.kept["chatwoot/1/inboxes"] = "101"
        await connector.start(cast(Desk, heard))
        await connector.catch_up()
        await connector.close()
        assert heard.calls == [("visitor_said", f"1/{number}", "Hello") for number in (2, 3)]


@pytest.mark.parametrize("had_it", [False, True])
async def test_who_has_a_conversation_in_the_end_is_known_after_a_downtime(had_it: bool) -> None:
    async with fake_chatwoot() as fake:
        for name in ("Ann", "Bob"):
            await fake.say(name, "Hello")
        for does in ("take", "reply", "pending"):
            await fake.act(1, does, "Carol here")
        await fake.act(2, "resolve")
        connector, heard = with_token(fake), Heard()
        heard.kept["chatwoot/1/inboxes"] = "101"
        heard.views_of = {f"1/{number}": view("bot", conversation=f"1/{number}") for number in (1, 2)}
        if had_it:
            heard.views_of["1/1"] = view("person", Operator("11", "Carol"))
        await connector.start(cast(Desk, heard))
        await connector.catch_up()
        await connector.close()
        assert heard.told("1/1") == [
            *([("handed_back", None)] if had_it else []),
            ("visitor_said", "Hello"),
            ("operator_said", "Carol here"),
            ("handed_back", None),
        ]
        assert heard.told("1/2") == [("closed", None)]


@pytest.mark.parametrize("fault", [{"status": 429, "retryAfter": 7}, {"status": 429}])
@pytest.mark.parametrize("name", ["toggle_status", "assignments.create"])
async def test_a_view_that_chatwoot_wants_later_is_not_kept_until_then(fault: dict[str, Any], name: str) -> None:
    async with scene({"team": 15}) as at:
        await at.fake.say("Ann", "human")
        await at.settled()
        at.heard.views_of["1/1"] = view("waiting")
        await at.fake.fault(name=name, **fault)
        with pytest.raises(RetryLater) as caught:
            await at.connector.show_state(view("waiting"))
        assert caught.value.retry_after == fault.get("retryAfter", 1)
        await at.connector.show_state(view("waiting"))
        chat = await at.fake.chat(1)
        assert (chat["status"], chat["team"]) == ("open", 15)


@pytest.mark.parametrize("has_restarted", [True, False])
async def test_what_waits_for_one_agent_is_theirs_when_they_answer(has_restarted: bool) -> None:
    async with scene({"agent": 11}) as at:
        await at.fake.say("Ann", "human")
        await at.settled()
        at.heard.views_of["1/1"] = view("waiting")
        await at.connector.show_state(view("waiting"))
        if has_restarted:
            at.connector._tracked.clear()
            await at.fake.fault(redeliver="conversation_updated")
        await at.settled()
        assert (await at.fake.chat(1))["assignee"] == 11
        assert ("taken", "Carol") not in at.heard.told()
        assert at.heard.views_of["1/1"].state == "waiting"
        await at.fake.act(1, "reply", "Carol here")
        await at.settled()
        assert at.heard.views_of["1/1"].state == "person"
        await at.fake.act(1, "pending")
        assert (await at.settled())[-1] == ("handed_back", None)
        await at.connector.show_state(at.heard.views_of["1/1"])
        assert (await at.fake.chat(1))["assignee"] is None
        await at.fake.act(1, "take")
        assert (await at.settled())[-1] == ("taken", "Carol")


async def test_a_colleague_takes_what_waits_for_one_agent() -> None:
    async with scene({"agent": 11}) as at:
        await at.fake.say("Ann", "human")
        await at.settled()
        at.heard.views_of["1/1"] = view("waiting")
        await at.connector.show_state(view("waiting"))
        await at.settled()
        await at.fake.act(1, "take", agent="Dave")
        assert (await at.settled())[1:] == [("taken", "Dave")]
        await at.fake.act(1, "take")
        assert (await at.settled())[2:] == [("taken", "Carol")]


async def test_what_was_written_before_a_kill_is_not_written_again_before_chatwoot_has_told_anything() -> None:
    async with scene() as at:
        await at.fake.say("Ann", "Hello")
        await at.settled()
        handle = await at.connector.post("1/1", post("Carol has joined"))
        again = ChatwootConnector(at.fake.url, accounts(at.fake))
        heard = Heard()
        heard.views_of["1/1"] = view("bot")
        await again.start(cast(Desk, heard))
        assert await again.post("1/1", post("Carol has joined")) == handle
        await again.close()
        # The same call again, long after the start.
        at.connector._began = 0.0
        await at.fake.say("Ann", "Are you there?")
        await at.settled()
        assert await at.connector.post("1/1", post("Carol has joined")) == handle
        assert await at.fake.said(1) == ["Ann: Hello", "Avatar: Carol has joined", "Ann: Are you there?"]
