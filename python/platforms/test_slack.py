"""Slack's real SDK and Bolt, against a fake of Slack."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

from aiohttp import web
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from fake_slack import SECRET, FakeSlack, Faults
from secondme_avatar import AvatarClient, Visitor
from secondme_avatar.bridge import Bridge, IncomingMessage, PlatformUser
from secondme_avatar.bridge.slack import SlackOutlet, attach, incoming
from secondme_avatar.testing import Emulator
from speaking import Avatar
from virtual import run


def web_client(slack: FakeSlack) -> AsyncWebClient:
    return AsyncWebClient("xoxb-1", base_url=slack.url)


@asynccontextmanager
async def served(slack: FakeSlack, client: AvatarClient, **options: Any) -> AsyncIterator[Bridge]:
    """A bot over HTTP."""
    app = AsyncApp(client=web_client(slack), signing_secret=SECRET)
    async with attach(app, client, **options) as bridge:
        runner = web.AppRunner(app.web_app(path="/slack/events"), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        slack.bot_url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
        try:
            yield bridge
        finally:
            await runner.cleanup()


async def test_over_http_a_direct_message_a_mention_and_the_assistant_s_pane_are_answered(emulator: Emulator) -> None:
    async with emulator.client() as client, FakeSlack() as slack, served(slack, client) as bridge:
        direct = await slack.say("U1", "Hello &amp; <https://a.b|good day>")
        pane = await slack.say("U1", "In the pane", thread="1700000000.000001")
        mention = {"type": "app_mention", "channel_type": "channel"}
        asked = await slack.say("U2", "<@UBOT> What is on?", channel="C1", **mention)
        await slack.say("U2", "not to the bot", channel="C1", channel_type="channel")
        await slack.say("U1", "", subtype="message_changed")
        await slack.say("U1", "of a bot", bot_id="B2")
        await bridge.idle()
        assert slack.thread("DU1", direct) == ["You said: Hello & good day (https://a.b)"]
        assert slack.thread("DU1", pane) == ["You said: In the pane"]
        assert slack.thread("C1", asked) == ["You said: What is on?"]
        assert len(slack.messages) == 3
        assert "assistant.threads.setStatus" in {method for method, _ in slack.calls}


async def test_in_socket_mode_what_was_not_acknowledged_before_a_cut_comes_again_and_is_answered_once(
    emulator: Emulator,
) -> None:
    async with emulator.client() as client, FakeSlack(Faults(repeated=0.5)) as slack:
        app = AsyncApp(client=web_client(slack))
        handler = AsyncSocketModeHandler(app, "xapp-1", ping_interval=0.5)
        async with attach(app, client) as bridge:
            await handler.connect_async()
            for number in range(10):
                if number == 5:
                    await slack.cut_socket()
                await slack.say("U1", f"number {number}", thread="1700000000.000001")
            await bridge.idle()
            assert slack.thread("DU1", "1700000000.000001") == [f"You said: number {number}" for number in range(10)]
            await handler.close_async()


async def test_the_owner_is_heard_in_the_last_thread(emulator: Emulator) -> None:
    async with emulator.client() as client, FakeSlack() as slack, served(slack, client, owner_name="Ada") as bridge:
        thread = await slack.say("U1", "Hello")
        await bridge.idle()
        chat = await client.open(Visitor.for_user("slack", "T1.U1"))
        await emulator.owner_reply(chat, "It is me")
        async with asyncio.timeout(10):
            while len(slack.messages) < 2:
                slack.changed.clear()
                await slack.changed.wait()
        assert slack.thread("DU1", thread) == ["You said: Hello", "👤 Ada, in person:\nIt is me"]


def test_an_answer_of_six_minutes_and_30000_characters_arrives_whole() -> None:
    text = "".join(f"Sentence {number:04} says 好好 100 yuan. " for number in range(1000))[:30_000]
    pieces = [text[start : start + 40] for start in range(0, len(text), 40)]

    async def talk() -> tuple[list[str], float, list[tuple[str, float]]]:
        async with FakeSlack() as slack:
            avatar: Any = Avatar(pieces, 360 / len(pieces))
            began = asyncio.get_running_loop().time()
            async with Bridge(avatar, platform="slack", outlet=SlackOutlet(web_client(slack))) as bridge:
                await bridge.receive(message())
                await bridge.idle()
            took = asyncio.get_running_loop().time() - began
            return [message.text for message in slack.messages], took, slack.calls

    texts, took, calls = run(talk())
    assert "".join(texts) == text
    assert took >= 360
    assert max(map(len, texts)) <= 12_000
    appends = [at for method, at in calls if method == "chat.appendStream"]
    assert min(later - earlier for earlier, later in pairwise(appends)) > 0.99
    print(f"\n{took:.0f} s of virtual time, {len(text)} characters in {len(texts)} messages by {len(appends)} appends")


def test_a_stream_that_expired_is_finished_by_an_update() -> None:
    async def talk() -> FakeSlack:
        async with FakeSlack() as slack:
            avatar: Any = Avatar(["The avatar thinks ", "about it."], 310.0)
            outlet = SlackOutlet(web_client(slack))
            # No roll-over comes to help.
            outlet.limits = type(outlet.limits)(max_chars=11_000, update_interval=1.0)
            async with Bridge(avatar, platform="slack", outlet=outlet) as bridge:
                await bridge.receive(message())
                await bridge.idle()
        return slack

    slack = run(talk())
    assert [message.text for message in slack.messages] == ["The avatar thinks about it."]
    assert slack.messages[0].edits >= 1


async def test_refused_and_unanswered_calls_change_nothing_of_what_is_read(emulator: Emulator) -> None:
    faults = Faults(refused=0.2, lost=0.1, seed=7)
    async with emulator.client() as client, FakeSlack(faults, retry_after=0.1) as slack:
        async with served(slack, client, on_error=lambda *_: None) as bridge:
            threads = [await slack.say(f"U{number}", f"word{number} and more words " * 30) for number in range(20)]
            await bridge.idle()
        for number, thread in enumerate(threads):
            assert slack.thread(f"DU{number}", thread) == [
                "You said: " + (f"word{number} and more words " * 30).strip()
            ]


def message() -> IncomingMessage:
    event = {"type": "message", "channel_type": "im", "channel": "D1", "user": "U1", "text": "Hi", "ts": "1.1"}
    found = incoming({"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event": event}, "UBOT")
    assert found is not None
    assert found.user == PlatformUser("U1", tenant="T1")
    return found
