"""DingTalk's real SDK, against a DingTalk on loopback."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import dingtalk_stream
import pytest
from dingtalk_stream import Credential, DingTalkStreamClient, stream, utils

from fakes import Platform, platform
from secondme_avatar import Visitor
from secondme_avatar.bridge import Bridge, IncomingMessage, PlatformUser, PostDetails, _telling
from secondme_avatar.bridge.dingtalk import AI_MARKDOWN_CARD, DingTalkOutlet, _is_of_dingtalk, attach, incoming, serve
from secondme_avatar.testing import Emulator
from speaking import Avatar


@asynccontextmanager
async def dingtalk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Platform, DingTalkStreamClient]]:
    async with platform("dingtalk") as place:
        # The SDK reads its address when it is imported.
        monkeypatch.setattr(utils, "DINGTALK_OPENAPI_ENDPOINT", place.url)
        monkeypatch.setattr(stream, "DINGTALK_OPENAPI_ENDPOINT", place.url)
        opening = f"{place.url}/v1.0/gateway/connections/open"
        monkeypatch.setattr(dingtalk_stream.DingTalkStreamClient, "OPEN_CONNECTION_API", opening)
        yield place, DingTalkStreamClient(Credential(place.bot["clientId"], place.bot["clientSecret"]))


async def test_ten_answers_at_once_stay_within_twenty_calls_a_second_and_each_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = [f"word{number} " for number in range(60)]
    async with dingtalk(monkeypatch) as (place, client):
        avatar: Any = Avatar(words, 0.1)
        async with Bridge(avatar, platform="dingtalk", outlet=DingTalkOutlet(client, AI_MARKDOWN_CARD)) as bridge:
            for number in range(10):
                said = await place.say(f"User{number}", "Tell me")
                address = {"group": False, "conversation": said["chat"], "staff": said["user"], "webhook": None}
                address |= {"robot": place.bot["robotCode"], "until": 0}
                message = IncomingMessage(f"m{number}", PlatformUser(f"u{number}"), json.dumps(address), "Tell me")
                await bridge.receive(message)
            await bridge.idle()
        shown, calls = await place.shown(), await place.look("calls")
        chats = (await place.look("chats"))["chats"]
    assert shown == {f"User{number}": ["".join(words)] for number in range(10)}
    assert {m["state"] for chat in chats for m in chat["messages"] if m["bot"]} == {"done"}
    updates = [len(m["edits"]) for chat in chats for m in chat["messages"] if m["bot"]]
    assert min(updates) >= 2
    assert calls["most"]["perSecond"] <= 20
    print(f"\n10 answers at once: at most {calls['most']['perSecond']} calls in a second, {calls['total']} in all")


async def test_answers_come_whole_without_a_card_and_the_owner_after_the_webhook_s_end(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dingtalk(monkeypatch) as (place, stream_client), emulator.client() as client:
        async with attach(stream_client, client, owner_name="Ada") as bridge:
            serving = asyncio.create_task(serve(stream_client))
            await place.say("Bob", " Hello")
            await place.say("Cid", "Hi", group="Team")
            await place.say("Cid", "of no concern to the bot", group="Team", mention=False)
            await place.say("Dan", "", attachments=[{"name": "a.png", "type": "image"}])
            await place.until(lambda shown: all(shown.get(name) for name in ("Bob", "Team", "Dan")))
            await bridge.idle()
            assert (await place.shown())["Team"] == ["You said: Hi"]
            chats = (await place.look("chats"))["chats"]
            user = next(m["user"] for chat in chats for m in chat["messages"] if m["name"] == "Bob")
            chat = await client.open(Visitor.for_user("dingtalk", f"{place.bot['corpId']}.{user}"))
            await place.fault(expireWebhooks=True)
            await emulator.owner_reply(chat, "It is me")
            await place.until(lambda shown: len(shown["Bob"]) == 2)
            await bridge.idle()
            serving.cancel()
        assert (await place.shown())["Bob"] == ["You said: Hello", "👤 Ada, in person:\nIt is me"]


@pytest.mark.parametrize("card", [AI_MARKDOWN_CARD, None])
async def test_an_answer_stands_in_the_variable_of_the_card_s_template(
    monkeypatch: pytest.MonkeyPatch, card: str | None
) -> None:
    words = [f"word{number} " for number in range(30)]
    async with dingtalk(monkeypatch) as (place, client):
        avatar: Any = Avatar(words, 0.1)
        outlet = DingTalkOutlet(client, card or place.bot["cardTemplateId"])
        async with Bridge(avatar, platform="dingtalk", outlet=outlet) as bridge:
            said = await place.say("Ada", "Tell me")
            address = {"group": False, "conversation": said["chat"], "staff": said["user"], "webhook": None}
            address |= {"robot": place.bot["robotCode"], "until": 0}
            await bridge.receive(IncomingMessage("m", PlatformUser("ada"), json.dumps(address), "Tell me"))
            await bridge.idle()
        chats = (await place.look("chats"))["chats"]
    (message,) = [m for chat in chats for m in chat["messages"] if m["bot"]]
    assert (message["text"], message["state"]) == ("".join(words), "done")
    assert len(message["edits"]) >= 2


async def test_nothing_of_an_answer_is_lost_where_its_card_cannot_be_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_telling, "_FINISHES", 1)
    words = [f"word{number} " for number in range(10)]
    async with dingtalk(monkeypatch) as (place, client):
        avatar: Any = Avatar(words, 0.02)
        outlet = DingTalkOutlet(client, place.bot["cardTemplateId"])
        for name in ("card.update", "card.streaming"):
            await place.fault(status=503, times=1000, name=name)
        async with Bridge(avatar, platform="dingtalk", outlet=outlet, on_error=lambda *_: None) as bridge:
            said = await place.say("Ada", "Tell me")
            address = {"group": False, "conversation": said["chat"], "staff": said["user"], "webhook": None}
            address |= {"robot": place.bot["robotCode"], "until": 0}
            await bridge.receive(IncomingMessage("m", PlatformUser("ada"), json.dumps(address), "Tell me"))
            await bridge.idle()
        shown = await place.shown()
    assert len(shown["Ada"]) == 2
    assert "".join(shown["Ada"]) == "".join(words)


async def addressed(place: Platform) -> str:
    """An address without a webhook."""
    said = await place.say("Ada", "Tell me")
    address = {"group": False, "conversation": said["chat"], "staff": said["user"], "webhook": None, "until": 0}
    return json.dumps({**address, "robot": place.bot["robotCode"]})


async def test_a_card_whose_first_words_an_earlier_process_made_has_the_whole_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with dingtalk(monkeypatch) as (place, client):
        outlet, address = DingTalkOutlet(client, AI_MARKDOWN_CARD), await addressed(place)
        details = PostDetails("avatar", None, "key")
        await outlet.open(address, "one", details)
        # Killed before its handle was kept, so that the next process posts under the same key.
        await outlet.post(address, "one two three", details)
        await outlet.close()
        chats = (await place.look("chats"))["chats"]
    shown = [(m["text"], m["state"]) for chat in chats for m in chat["messages"] if m["bot"]]
    assert shown == [("one two three", "done")]


async def test_nothing_of_an_answer_is_lost_where_neither_its_card_nor_its_message_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_telling, "_FINISHES", 1)
    words = [f"word{number} " for number in range(10)]
    async with dingtalk(monkeypatch) as (place, client):
        avatar: Any = Avatar(words, 0.02)
        await place.fault(status=503, name="robot.send")
        outlet = DingTalkOutlet(client, "wrong")
        async with Bridge(avatar, platform="dingtalk", outlet=outlet, on_error=lambda *_: None) as bridge:
            await bridge.receive(IncomingMessage("m", PlatformUser("ada"), await addressed(place), "Tell me"))
            await bridge.idle()
        assert (await place.shown())["Ada"] == ["".join(words)]


async def test_an_answer_is_a_message_where_dingtalk_does_not_show_its_card(monkeypatch: pytest.MonkeyPatch) -> None:
    words = [f"word{number} " for number in range(10)]
    async with dingtalk(monkeypatch) as (place, client):
        avatar: Any = Avatar(words, 0.02)
        await place.fault(refuseDeliveries=1)
        outlet, address = DingTalkOutlet(client, AI_MARKDOWN_CARD), await addressed(place)
        async with Bridge(avatar, platform="dingtalk", outlet=outlet) as bridge:
            await bridge.receive(IncomingMessage("m", PlatformUser("ada"), address, "Tell me"))
            await bridge.idle()
            await place.fault(refuseDeliveries=1)
            await outlet.post(address, "It is me", PostDetails("owner", "Ada", "another"))
        assert (await place.shown())["Ada"] == ["".join(words), "It is me"]


def test_a_webhook_on_loopback_is_posted_to_only_where_dingtalk_is_there() -> None:
    local, real = "http://127.0.0.1:8080", "https://api.dingtalk.com"
    assert [_is_of_dingtalk(f"{local}/robot", at) for at in (local, real)] == [True, False]
    assert _is_of_dingtalk("https://oapi.dingtalk.com/robot/sendBySession", real)
    assert not _is_of_dingtalk("https://dingtalk.com.example.org/robot", real)


def test_where_a_webhook_is_not_dingtalk_s_nothing_is_posted_there() -> None:
    told = {"msgId": "1", "senderStaffId": "u", "msgtype": "text", "text": {"content": " Hi "}, "conversationType": "1"}
    message = incoming(told)
    assert message is not None
    assert (message.text, message.user) == ("Hi", PlatformUser("u"))
    assert incoming({"msgtype": "text"}) is None
