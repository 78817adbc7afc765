"""What Chatwoot's connector asks of Chatwoot, and what becomes of it."""

from dataclasses import replace
from typing import Any, cast

import pytest

from chatwoot_heard import Heard, accounts, has_answers, post, scene, view
from chatwoot_stage import fake_chatwoot, served
from secondme_avatar import MisuseError
from secondme_avatar.bridge import Undeliverable
from secondme_avatar.desk import Desk
from secondme_avatar.desk.chatwoot import ChatwootAccount, ChatwootConnector


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "retryAfter": 1},
        {"status": 429},
        {"status": 503, "times": 3},
        {"cut": "before"},
        {"cut": "after"},
    ],
)
@pytest.mark.parametrize("inbox", [101, 104])
async def test_a_message_is_there_once_whatever_becomes_of_the_call(
    fault: dict[str, Any], inbox: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secondme_avatar.desk.chatwoot._LOOK", 0.5)
    async with scene() as at:
        await at.fake.say("Ann", "Hello", inbox=inbox)
        await at.settled()
        await at.fake.fault(name="messages.create", **fault)
        handle = await at.connector.post("1/1", post("Good **day**!"))
        assert await at.fake.said(1) == ["Ann: Hello", "Avatar: Good **day**!"]
        message = (await at.fake.chat(1))["messages"][-1]
        assert handle == str(message["id"])
        # Elsewhere Chatwoot sends no message that has a source.
        assert message["state"] == "done"
        assert (message["source"] is None) == (inbox == 104)
        # The same text once more is another message.
        await at.connector.post("1/1", post("Good **day**!", "key/2"))
        assert len(await at.fake.said(1)) == 3


@pytest.mark.parametrize("has_token", [True, False])
async def test_what_an_earlier_process_wrote_is_not_written_again(has_token: bool) -> None:
    async with scene({"agent_token": None}) as at:
        await at.fake.say("Ann", "Hello")
        await at.settled()
        await at.connector.post("1/1", post("Good day"))
        token = at.fake.accounts[0]["agents"][0]["token"] if has_token else None
        again = ChatwootConnector(at.fake.url, [replace(accounts(at.fake)[0], agent_token=token)])
        heard = Heard()
        await again.start(cast(Desk, heard))
        async with served(again) as url:
            await at.fake.control("webhook", url=url)
            await at.fake.fault(redeliver="last")
            await at.fake.until_delivered()
            await again.post("1/1", post("Good day"))
            await at.fake.say("Ann", "Are you there?")
            await at.fake.until_delivered()
            await again.post("1/1", post("I am", "key/2"))
        await again.close()
        assert await at.fake.said(1) == ["Ann: Hello", "Avatar: Good day", "Ann: Are you there?", "Avatar: I am"]


async def test_what_came_while_the_desk_was_down_is_read_with_an_agents_token() -> None:
    async with fake_chatwoot() as fake:
        for number in range(30):
            await fake.say(f"visitor {number}", "Hello")
        for number in range(25):
            await fake.say("visitor 0", f"line {number}")
        await fake.act(2, "reply", "Carol here")
        await fake.act(3, "take")
        token = fake.accounts[0]["agents"][0]["token"]
        connector = ChatwootConnector(fake.url, [replace(accounts(fake)[0], agent_token=token)])
        heard = Heard()
        heard.kept["chatwoot/1/inboxes"] = "101"
        heard.views_of["1/3"] = view("bot", conversation="1/3")
        await connector.start(cast(Desk, heard))

        async def all_heard() -> bool:
            return sum(name == "visitor_said" for name, _, _ in heard.calls) == 55

        await fake.until(all_heard)
        await connector.close()
        assert heard.told("1/1") == [("visitor_said", "Hello"), *(("visitor_said", f"line {n}") for n in range(25))]
        assert heard.told("1/2") == [("visitor_said", "Hello"), ("operator_said", "Carol here")]
        assert heard.told("1/3") == [("taken", "Carol"), ("visitor_said", "Hello")]


@pytest.mark.parametrize("version", [{}, {"show": False}])
async def test_without_an_agents_token_a_takeover_while_the_desk_was_down_is_known(version: dict[str, bool]) -> None:
    async with fake_chatwoot() as fake:
        await fake.control("version", **version)
        for number in range(3):
            await fake.say(f"visitor {number}", "Hello")
        await fake.act(2, "take")
        connector, heard = ChatwootConnector(fake.url, accounts(fake)), Heard()
        heard.views_of = {f"1/{number}": view("bot", conversation=f"1/{number}") for number in (1, 2, 3)}
        await connector.start(cast(Desk, heard))
        await connector.catch_up()
        await connector.close()
        assert heard.calls == ([] if version else [("taken", "1/2", "Carol")])


async def test_typing_is_shown_where_chatwoot_lets_bots_and_never_fails() -> None:
    async with scene() as at:
        await at.fake.say("Ann", "Hello")
        await at.connector.typing("1/1", True)
        assert (await at.fake.chat(1))["typing"] == "Avatar"
        await at.connector.typing("1/1", False)
        assert (await at.fake.chat(1))["typing"] is None
        await at.fake.control("version", typing=False)
        for _ in range(3):
            await at.connector.typing("1/1", True)
        calls = [one for one in (await at.fake.look("calls"))["calls"] if one["name"] == "toggle_typing_status"]
        assert [one["status"] for one in calls] == [200, 200, 401]


async def test_what_is_said_while_the_desk_closes_is_said_and_what_comes_then_comes_again() -> None:
    async with scene(hooks=False) as at:
        await at.fake.control("webhook", url=at.url, kind="bot")
        await at.fake.say("Ann", "Hello")
        await at.settled()
        await at.connector.close()
        await at.connector.post("1/1", post("Good day"))
        assert await at.fake.said(1) == ["Ann: Hello", "Avatar: Good day"]
        await at.fake.say("Ann", "Are you there?")
        await at.fake.until(lambda: has_answers(at.fake, 500, 1))
        assert at.heard.told() == [("visitor_said", "Hello")]


async def test_accounts_are_not_crossed() -> None:
    async with scene() as at:
        await at.fake.say("Ann", "one")
        await at.fake.say("Ann", "two", inbox=201)
        await at.settled()
        await at.connector.post("2/1", post("to the second"))
        assert (at.heard.told("1/1"), at.heard.told("2/1")) == ([("visitor_said", "one")], [("visitor_said", "two")])
        assert await at.fake.said(1, 1) == ["Ann: one"]
        assert await at.fake.said(1, 2) == ["Ann: two", "Avatar: to the second"]


async def test_a_call_that_is_refused_for_good_says_what_to_do() -> None:
    async with scene() as at:
        await at.fake.say("Ann", "Hello")
        for conversation in ("9/1", "1/x", "nonsense"):
            with pytest.raises(Undeliverable, match="no conversation"):
                await at.connector.post(conversation, post("secret words"))
        with pytest.raises(Undeliverable, match=r"no such conversation.*404"):
            await at.connector.post("1/77", post("secret words"))
        wrong = ChatwootConnector(at.fake.url, [ChatwootAccount(1, "wrong", ("secret",))])
        with pytest.raises(Undeliverable, match="copy the agent bot's access token anew") as error:
            await wrong.post("1/1", post("secret words"))
        assert "secret words" not in str(error.value)
        assert "wrong" not in repr(accounts(at.fake)[0])
        await wrong.close()


ENVIRONMENT = {
    "CHATWOOT_URL": "https://chat.example.com/",
    "CHATWOOT_ACCOUNT": "1",
    "CHATWOOT_BOT_TOKEN": "token",
    "CHATWOOT_BOT_SECRET": "secret",
}


async def test_what_is_configured_wrong_is_named_before_anything_is_sent() -> None:
    await ChatwootConnector.from_environment({**ENVIRONMENT, "CHATWOOT_INBOXES": "1,2", "CHATWOOT_TEAM": "3"}).close()
    for changes, message in [
        ({"CHATWOOT_URL": ""}, "set CHATWOOT_URL"),
        ({"CHATWOOT_ACCOUNT": "Shop"}, "CHATWOOT_ACCOUNT is 'Shop'"),
        ({"CHATWOOT_INBOXES": "1,x"}, "CHATWOOT_INBOXES"),
        ({"CHATWOOT_URL": "http://chat.example.com"}, "`url`"),
        ({"CHATWOOT_URL": "chat.example.com"}, "`url`"),
        ({"CHATWOOT_URL": "https://user:word@chat.example.com"}, "more than an address"),
    ]:
        with pytest.raises(MisuseError, match=message):
            ChatwootConnector.from_environment({**ENVIRONMENT, **changes})
    url = "https://chat.example.com"
    for account in (
        ChatwootAccount(1, " ", ("s",)),
        ChatwootAccount(1, "t", ()),
        ChatwootAccount(1, "t", cast(Any, "s")),
    ):
        with pytest.raises(MisuseError, match="account 1"):
            ChatwootConnector(url, [account])
    with pytest.raises(MisuseError, match="`accounts` is empty"):
        ChatwootConnector(url, [])
    with pytest.raises(MisuseError, match="`taken_by`"):
        ChatwootConnector(url, [ChatwootAccount(1, "t", ("s",))], taken_by=cast(Any, "word"))
