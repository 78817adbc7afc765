"""The widget's server part with many visitors, and with one who does harm."""

import asyncio
from pathlib import Path
from typing import Any

from browser import SECRET, Browser, mounted
from page import Page, text_of
from secondme_avatar.testing import Emulator
from secondme_avatar.web import WidgetApp

CROWD = 200
LIMITLESS: dict[str, Any] = {
    "messages_per_minute": 1e9,
    "address_messages_per_minute": 1e9,
    "new_visitors_per_minute": 1e9,
    "calls_per_minute": 1e9,
}


async def test_of_two_hundred_visitors_at_once_each_hears_the_own_answer_alone(
    emulator: Emulator, tmp_path: Path
) -> None:
    emulator.sync.settings(quota_per_minute=1_000_000)
    client = emulator.client(store=tmp_path / "widget.db", quota=1_000_000)
    async with mounted(WidgetApp(client, secret=SECRET, **LIMITLESS)) as base:

        async def visit(number: int) -> str:
            async with Browser(base) as browser:
                await browser.open()
                async with browser.events() as events:
                    answer = await browser.ask("q1", f"My word is word-{number}")
                    heard = await events.until(id="q1.1")
                history = await browser.get("/history")
                texts = {answer.text, heard["text"], history["messages"][1]["text"]}
                assert len(texts) == 1
                assert str(history).count("word-") == 2
                return answer.text

        heard = await asyncio.gather(*(visit(number) for number in range(CROWD)))
    assert heard == [f"You said: My word is word-{number}" for number in range(CROWD)]


async def test_a_flood_of_one_visitor_does_not_stop_another(emulator: Emulator) -> None:
    widget = WidgetApp(emulator.client(), secret=SECRET, address_messages_per_minute=1e9)
    now = widget._clock()
    widget._clock = lambda: now
    async with mounted(widget) as base, Browser(base) as flood, Browser(base) as other:
        await flood.open()
        await other.open()
        answers = await asyncio.gather(
            *(flood.ask(f"q{number}", "Hello") for number in range(100)), other.ask("q1", "Hello")
        )
        assert [answer.status for answer in answers].count(429) == 80
        assert answers[-1].text == "You said: Hello"
        refused = next(answer for answer in answers if answer.status == 429)
        assert refused.parts[0]["error"]["code"] == "rate_limited"
        assert int(refused.headers["retry-after"]) > 0
    assert len((await emulator.state())["sessions"]) == 2


async def test_a_reader_that_takes_nothing_costs_no_memory_and_is_told_to_begin_anew(emulator: Emulator) -> None:
    async with WidgetApp(emulator.client(), secret=SECRET, **LIMITLESS) as widget:
        page = Page(widget)
        await page.open()
        taking, sent = asyncio.Event(), bytearray()

        async def send(message: Any) -> None:
            await taking.wait()
            sent.extend(message.get("body", b""))

        gone = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await gone.wait()
            return {"type": "http.disconnect"}

        headers = [(b"cookie", page.cookie["cookie"].encode())]
        scope = {"type": "http", "method": "GET", "path": "/events", "client": ("192.0.2.1", 1), "headers": headers}
        reading = asyncio.create_task(widget(scope, receive, send))
        for number in range(70):
            body = {"messages": [{"id": f"q{number}", "role": "user", "parts": [{"type": "text", "text": "x" * 4000}]}]}
            assert text_of(await page.post(body)) == "You said: " + "x" * 4000
        (session,) = widget._sessions.values()
        assert len(session._ring) <= 200
        assert session._bytes == sum(map(len, session._ring)) <= 256 * 1024
        taking.set()
        async with asyncio.timeout(20):
            while b'"reset"' not in sent:
                await asyncio.sleep(0)
        assert len(sent) < 10_000
        await page.post({"messages": [{"id": "last", "role": "user", "parts": [{"type": "text", "text": "Bye"}]}]})
        async with asyncio.timeout(20):
            while b'"last.1"' not in sent:
                await asyncio.sleep(0)
        gone.set()
        await reading
