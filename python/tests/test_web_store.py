"""The widget's server part where the store fails for a while, and where it has to forget."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from browser import SECRET, Browser, Events, mounted, question
from secondme_avatar import AvatarClient, AvatarError, Visitor
from secondme_avatar.testing import Emulator
from secondme_avatar.web import WidgetApp

DAY = 24 * 60 * 60.0


@pytest_asyncio.fixture
async def widget(emulator: Emulator, tmp_path: Path) -> AsyncIterator[WidgetApp]:
    yield made(emulator, tmp_path)


@pytest_asyncio.fixture
async def browser(widget: WidgetApp) -> AsyncIterator[Browser]:
    async with mounted(widget) as base, Browser(base) as browser:
        await browser.open()
        yield browser


def made(emulator: Emulator, folder: Path) -> WidgetApp:
    client = emulator.client(store=folder / "widget.db", reply_idle=60)
    return WidgetApp(client, secret=SECRET, on_error=lambda *_: None)


def visitor_of(widget: WidgetApp) -> Visitor:
    (session,) = widget._sessions.values()
    return session.visitor


async def asked(emulator: Emulator) -> list[str]:
    sessions = (await emulator.state())["sessions"]
    return [m["text"] for session in sessions for m in session["messages"] if m["author"] == "visitor"]


async def ended(events: Events) -> None:
    """Waits until the server has ended a stream."""
    assert events.task is not None
    async with asyncio.timeout(20):
        await asyncio.wait([events.task])


async def test_a_message_that_the_store_did_not_take_is_told_to_no_tab(
    emulator: Emulator, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_note = AvatarClient.add_note
    failed = 0

    async def once(self: AvatarClient, visitor: Visitor, key: str, *rest: Any, **more: Any) -> bool:
        nonlocal failed
        if key.startswith("bridge/") and not failed:
            failed += 1
            raise AvatarError("the disk is full")
        return await add_note(self, visitor, key, *rest, **more)

    monkeypatch.setattr(AvatarClient, "add_note", once)
    async with browser.events() as events:
        assert (await browser.ask("q1", "Hello")).status == 503
        assert events.of("message") == []
        assert (await browser.get("/history"))["messages"] == []
        assert (await browser.ask("q1", "Hello")).text == "You said: Hello"
        await events.until(id="q1.1")
        assert [event["id"] for event in events.of("message")] == ["q1", "q1.1"]
    assert failed == 1
    assert await asked(emulator) == ["Hello"]


@pytest.mark.usefixtures("looks_often")
async def test_what_the_store_has_failed_for_goes_on_when_it_works_again(
    emulator: Emulator, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_note = AvatarClient.set_note
    is_full = True

    async def full(self: AvatarClient, visitor: Visitor, key: str, *rest: Any, **more: Any) -> None:
        if is_full and "/turn/" in key:
            raise AvatarError("the disk is full")
        await set_note(self, visitor, key, *rest, **more)

    monkeypatch.setattr(AvatarClient, "set_note", full)
    for _ in range(2):
        answer = await browser.ask("q1", "Hello")
        assert {"type": "error", "errorText": "unavailable"} in answer.parts
        assert answer.is_done
    is_full = False
    answer = await browser.ask("q1", "Hello")
    assert (answer.text, answer.parts[-1]["finishReason"]) == ("You said: Hello", "stop")
    assert [m["id"] for m in (await browser.get("/history"))["messages"]] == ["q1", "q1.1"]
    assert await asked(emulator) == ["Hello"]


async def test_a_visitor_is_forgotten_in_memory_too(
    emulator: Emulator, widget: WidgetApp, browser: Browser, tmp_path: Path
) -> None:
    visitor = visitor_of(widget)
    async with browser.events() as events:
        for id in ("first", "second"):
            await browser.ask(id, f"the {id}")
        await widget.forget(visitor)
        await ended(events)
    assert "the first" not in await widget._client.export(visitor)
    await browser.ask("third", "the third")
    history = await browser.get("/history")
    assert [m["id"] for m in history["messages"]] == ["third", "third.1"]
    exported = await widget._client.export(visitor)
    assert "the third" in exported
    assert "the first" not in exported
    await widget.close()
    async with mounted(made(emulator, tmp_path)) as base, Browser(base) as again:
        again.cookie = browser.cookie
        assert await again.get("/history") == history


async def test_a_visitor_is_forgotten_in_mid_answer_and_nothing_is_written_after(
    emulator: Emulator, widget: WidgetApp, browser: Browser
) -> None:
    emulator.sync.settings(piece_delay="60s")
    visitor = visitor_of(widget)
    async with browser.http.stream("POST", "", json=question("q1", "one two"), headers=browser.headers) as response:
        lines = response.aiter_lines()
        async for line in lines:
            if "text-delta" in line:
                break
        await widget.forget(visitor)
        rest = [line async for line in lines]
    assert not any("finish" in line for line in rest)
    emulator.sync.advance(600)
    await widget.idle()
    assert json.loads(await widget._client.export(visitor))["holds_data"] is False
    assert await widget._client.notes("") == []


async def test_a_visitor_whom_the_client_alone_has_forgotten_does_not_come_back(
    widget: WidgetApp, browser: Browser
) -> None:
    visitor = visitor_of(widget)
    await browser.ask("first", "the first")
    await widget.idle()
    await widget._client.forget(visitor)
    await browser.ask("second", "the second")
    assert "the first" not in await widget._client.export(visitor)


async def test_each_message_is_kept_as_long_as_said_and_no_longer(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, days = time.time, 0.0
    monkeypatch.setattr(time, "time", lambda: real() + days * DAY)
    long = "word " * 2_000
    for days, text in ((0.0, "early"), (0.0, long), (20.0, "later"), (45.0, "last")):
        await browser.ask(f"q{int(days)}{text[:4]}", text)
    ids = [m["id"] for m in (await browser.get("/history"))["messages"]]
    assert ids == ["q20late", "q20late.1", "q45last", "q45last.1"]


async def test_an_answer_that_is_not_whole_is_not_said_to_be_at_the_end(
    emulator: Emulator, widget: WidgetApp, browser: Browser
) -> None:
    emulator.sync.settings(piece_delay="60s")
    async with browser.http.stream("POST", "", json=question("q1", "one two"), headers=browser.headers) as response:
        lines = response.aiter_lines()
        async for line in lines:
            if "text-delta" in line:
                break
        await widget.close(deadline=0)
        rest = [line async for line in lines]
    assert not any("finish" in line or "DONE" in line for line in rest)


async def test_after_a_restart_it_is_told_that_the_owner_speaks(
    emulator: Emulator, widget: WidgetApp, browser: Browser, tmp_path: Path
) -> None:
    await browser.ask("q1", "Hello")
    (session,) = (await emulator.state())["sessions"]
    async with browser.events() as events:
        await emulator.owner_takeover(session["sessionId"])
        await emulator.owner_reply(session["sessionId"], "It is me")
        await events.until(type="owner", isPresent=True)
        await events.until(type="message", text="It is me")
    await widget.close()
    async with mounted(made(emulator, tmp_path)) as base, Browser(base) as again:
        again.cookie = browser.cookie
        async with again.events() as events:
            assert [event["isPresent"] for event in events.of("owner")] == [True]
        assert (await again.open())["speaker"] == "owner"


async def test_what_was_accepted_is_not_counted_again(
    emulator: Emulator, tmp_path: Path, widget: WidgetApp, browser: Browser
) -> None:
    emulator.sync.settings(piece_delay="60s")
    async with browser.http.stream("POST", "", json=question("q1", "one two"), headers=browser.headers) as response:
        async for line in response.aiter_lines():
            if "text-delta" in line:
                break
    async with browser.http.stream("POST", "", json=question("q2", "three"), headers=browser.headers) as response:
        assert response.status_code == 200
    await widget.close(deadline=0)
    client = emulator.client(store=tmp_path / "widget.db", reply_idle=60)
    limited = WidgetApp(client, secret=SECRET, messages_per_minute=1, on_error=lambda *_: None)
    async with mounted(limited) as base, Browser(base) as again:
        again.cookie = browser.cookie
        for id, text, status in (("q2", "three", 200), ("q3", "four", 200), ("q4", "five", 429)):
            body = question(id, text)
            async with again.http.stream("POST", "", json=body, headers=again.headers) as response:
                assert response.status_code == status
        await limited.close(deadline=0)  # The first answer never ends.
