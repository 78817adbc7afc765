"""Feishu's real SDK, against a Feishu on loopback."""

import asyncio
import json
from pathlib import Path
from typing import Any

# Before an event loop runs: its socket takes the one that is there.
import pytest
from lark_oapi.channel import FeishuChannel

from fakes import Bot, Platform, platform
from secondme_avatar import Visitor
from secondme_avatar.bridge import Bridge, IncomingMessage, PlatformUser, _telling
from secondme_avatar.bridge.feishu import FeishuOutlet, answer_webhook, attach
from secondme_avatar.testing import Emulator
from speaking import Avatar

TEXT = "hello 好好 book, 100 yuan"


async def test_the_text_on_the_card_is_the_avatar_s_byte_for_byte(emulator: Emulator, tmp_path: Path) -> None:
    pieces = ["hel", "lo ", "好", "好 ", "bo", "ok", ", 10", "0 yuan"]
    emulator.sync.settings(
        brain={"script": {"rules": [{"when": "any", "then": [{"say": {"pieces": pieces}}]}]}}, piece_delay="200ms"
    )
    async with platform("feishu") as place:
        bot = Bot(place, emulator, tmp_path)
        bot.start()
        try:
            await place.say("Ada", "What does it cost?")
            await place.until(lambda shown: shown.get("Ada") == [TEXT])
            (card,) = [message for message in await messages(place, "Ada") if message["bot"]]
        finally:
            bot.kill()
    edits = [edit["text"] for edit in card["edits"]]
    assert len(edits) >= 3
    assert all(TEXT.startswith(edit) for edit in edits)
    assert card["text"].encode() == TEXT.encode()
    print(f"\nthe card, byte for byte: {card['text']!r}, after {len(edits)} updates")


async def test_by_webhook_people_of_a_group_are_answered_who_mention_the_bot_and_the_owner_has_a_card(
    emulator: Emulator,
) -> None:
    async with platform("feishu") as place, emulator.client() as client:
        channel = FeishuChannel(**of(place), transport="webhook")
        async with attach(channel, client, owner_name="Ada") as bridge:
            await channel.connect()
            async with webhook(channel) as url:
                await place.control("webhook", url=url)
                await place.say("Bob", "Hello", group="Team")
                await place.say("Cid", "of no concern to the bot", group="Team", mention=False)
                await place.say("Cid", "", attachments=[{"name": "a.png", "type": "image"}])
                shown = await place.until(lambda shown: shown["Team"] and shown["Cid"])
                refusal = "I can only read text here. Please write what you would like to say."
                assert shown == {"Team": ["You said: Hello"], "Cid": [refusal]}
                user = next(m["user"] for m in await messages(place, "Team") if m["name"] == "Bob")
                chat = await client.open(Visitor.for_user("feishu", f"{place.bot['tenantKey']}.{user}"))
                await emulator.owner_reply(chat, "It is me")
                await place.until(lambda shown: len(shown["Team"]) == 2)
                owner = (await messages(place, "Team"))[-1]
                assert (owner["text"], owner["author"]) == ("It is me", "Ada")
                await bridge.idle()
        await asyncio.to_thread(channel.stop)


async def test_an_answer_longer_than_a_card_goes_on_in_the_next_one() -> None:
    text = "".join(f"第{number}句说好好一百元。" for number in range(1500))
    async with platform("feishu") as place:
        person = await place.say("Ada", "Tell me all")
        outlet = FeishuOutlet(FeishuChannel(**of(place), transport="webhook"))
        avatar: Any = Avatar([text[start : start + 1000] for start in range(0, len(text), 1000)], 0.01)
        address = f'{{"chat": "{person["chat"]}", "message": "{person["message"]}", "group": false}}'
        async with Bridge(avatar, platform="feishu", outlet=outlet) as bridge:
            await bridge.receive(IncomingMessage(id="1", user=PlatformUser("ada"), address=address, text="Tell me all"))
            await bridge.idle()
        shown = (await place.shown())["Ada"]
    assert "".join(shown) == text
    assert len(shown) > 1


async def test_a_card_that_takes_no_pieces_any_more_is_asked_once_and_has_the_whole_text() -> None:
    words = [f"word{number} " for number in range(60)]
    async with platform("feishu") as place:
        outlet = FeishuOutlet(FeishuChannel(**of(place), transport="webhook"))
        avatar: Any = Avatar(words, 0.05)
        async with Bridge(avatar, platform="feishu", outlet=outlet, on_error=lambda *_: None) as bridge:
            await bridge.receive(IncomingMessage("1", PlatformUser("ada"), await addressed(place), "Tell me"))
            await place.until(lambda shown: shown["Ada"])
            await place.fault(expireStreams=True)
            await bridge.idle()
        assert (await place.shown())["Ada"] == ["".join(words)]
        calls = (await place.look("calls"))["calls"]
    assert [call["name"] for call in calls if call["code"] in (200850, 300309)] == ["card.content"]


async def test_nothing_of_an_answer_is_lost_where_neither_its_card_nor_its_message_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_telling, "_FINISHES", 1)
    words = [f"word{number} " for number in range(10)]
    async with platform("feishu") as place:
        outlet = FeishuOutlet(FeishuChannel(**of(place), transport="webhook"))
        avatar: Any = Avatar(words, 0.02)
        await place.fault(status=400, name="card.create")
        await place.fault(status=503, name="message.create")
        async with Bridge(avatar, platform="feishu", outlet=outlet, on_error=lambda *_: None) as bridge:
            await bridge.receive(IncomingMessage("1", PlatformUser("ada"), await addressed(place), "Tell me"))
            await bridge.idle()
        assert (await place.shown())["Ada"] == ["".join(words)]


async def addressed(place: Platform) -> str:
    person = await place.say("Ada", "Tell me")
    return json.dumps({"chat": person["chat"], "message": person["message"], "group": False})


def of(place: Platform) -> dict[str, str]:
    bot = place.bot
    token = bot["verificationToken"]
    return {
        "app_id": bot["appId"],
        "app_secret": bot["appSecret"],
        "domain": bot["domain"],
        "verification_token": token,
    }


async def messages(place: Platform, name: str) -> list[dict[str, Any]]:
    chats = (await place.look("chats"))["chats"]
    return list(next(chat["messages"] for chat in chats if chat["name"] == name))


class webhook:
    """Serves a channel's webhook."""

    def __init__(self, channel: FeishuChannel) -> None:
        self._channel = channel

    async def __aenter__(self) -> str:
        from aiohttp import web

        async def handle(request: web.Request) -> web.Response:
            headers = {name.lower(): value for name, value in request.headers.items()}
            status, body = await answer_webhook(self._channel, headers, await request.read())
            return web.Response(status=status, body=body)

        app = web.Application()
        app.router.add_post("/hook", handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/hook"

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
