"""The widget's server part, within FastAPI under uvicorn, against the emulator."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from browser import SECRET, Browser, Json, mounted, question
from secondme_avatar.testing import Emulator
from secondme_avatar.web import WidgetApp


@pytest.fixture
def widget(emulator: Emulator, tmp_path: Path) -> WidgetApp:
    return WidgetApp(emulator.client(store=tmp_path / "widget.db", reply_idle=60), secret=SECRET, owner_name="Ada")


@pytest_asyncio.fixture
async def base(widget: WidgetApp) -> AsyncIterator[str]:
    async with mounted(widget) as base:
        yield base


@pytest_asyncio.fixture
async def browser(base: str) -> AsyncIterator[Browser]:
    async with Browser(base) as browser:
        await browser.open()
        yield browser


def script(emulator: Emulator, *then: Any) -> None:
    emulator.sync.settings(brain={"script": {"rules": [{"when": "any", "then": list(then)}]}})


def hold(emulator: Emulator) -> None:
    """Of answers from now on, only the first piece comes."""
    emulator.sync.settings(piece_delay="12s")


def say_the_rest(emulator: Emulator) -> None:
    """Two more pieces come. No socket is closed for the silence meanwhile, which takes 30 s."""
    emulator.sync.advance(25)


async def asked(emulator: Emulator) -> list[str]:
    """What visitors have written, in order."""
    sessions = (await emulator.state())["sessions"]
    return [m["text"] for session in sessions for m in session["messages"] if m["author"] == "visitor"]


def at_first_piece(seen: asyncio.Event) -> Callable[[Json], None]:
    def look(part: Json) -> None:
        if part["type"] == "text-delta":
            seen.set()

    return look


async def left(widget: WidgetApp) -> None:
    """Waits until the server has noticed that all are gone."""
    async with asyncio.timeout(20):
        while not all(session.is_idle for session in widget._sessions.values()):
            await asyncio.sleep(0.001)


async def test_an_answer_comes_as_ai_sdk_reads_it_with_sources_and_cards(emulator: Emulator, browser: Browser) -> None:
    card = {"card": {"template": "citation", "params": {"citation": "Price list"}}}
    sources = [{"title": "Prices", "url": "https://shop.example/prices"}, {"title": "A talk"}]
    sources += [{"title": "Bad", "url": "javascript:alert(1)"}]
    script(emulator, {"say": {"pieces": ["It is ", "12 € ", [{"text": "a month."}, card]], "sources": sources}})
    answer = await browser.ask("q1", "What is the price?")
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["x-vercel-ai-ui-message-stream"] == "v1"
    assert answer.headers["cache-control"] == "no-store, no-transform"
    assert answer.is_done
    assert answer.text == "It is 12 € a month."
    assert [part for part in answer.parts if part["type"] != "text-delta"] == [
        {"type": "start", "messageId": "q1.1"},
        {"type": "start-step"},
        {"type": "data-author", "data": {"author": "avatar", "name": "My Assistant"}},
        {"type": "text-start", "id": "q1.1"},
        {"type": "text-end", "id": "q1.1"},
        {"type": "source-url", "sourceId": "q1.1/s1", "url": "https://shop.example/prices", "title": "Prices"},
        {"type": "source-document", "sourceId": "q1.1/s2", "mediaType": "text/plain", "title": "A talk"},
        {"type": "source-document", "sourceId": "q1.1/s3", "mediaType": "text/plain", "title": "Bad"},
        {"type": "data-card", "data": {"template": "citation", "params": {"citation": "Price list"}}},
        {"type": "finish-step"},
        {"type": "finish", "finishReason": "stop"},
    ]


async def test_a_card_alone_is_an_answer(emulator: Emulator, browser: Browser) -> None:
    script(emulator, {"say": {"text": "", "whole": True, "cards": [{"template": "image", "params": {"url": "u"}}]}})
    answer = await browser.ask("q1", "Show me")
    assert answer.types == ["start", "start-step", "data-author", "data-card", "finish-step", "finish"]
    (_, said) = (await browser.get("/history"))["messages"]
    assert (said["text"], said["cards"]) == ("", [{"template": "image", "params": {"url": "u"}}])


async def test_pieces_come_while_the_answer_grows(emulator: Emulator, browser: Browser) -> None:
    hold(emulator)
    seen = asyncio.Event()
    asking = asyncio.create_task(browser.ask("q1", "one two three", at_first_piece(seen)))
    async with asyncio.timeout(20):
        await seen.wait()
        assert not asking.done()
        say_the_rest(emulator)
        answer = await asking
    assert answer.text == "You said: one two three"


async def test_all_tabs_hear_what_is_said_in_one(browser: Browser) -> None:
    async with browser.events() as first, browser.events() as second:
        await browser.ask("q1", "Hello")
        for events in (first, second):
            await events.until(type="message", author="avatar")
            assert [(e["type"], e.get("isTyping"), e.get("id")) for e in events.all] == [
                ("owner", None, None),
                ("message", None, "q1"),
                ("typing", True, None),
                ("typing", False, None),
                ("message", None, "q1.1"),
            ]
        said = first.of("message")[1]
        assert {name: said[name] for name in ("author", "name", "text", "sources", "cards", "inReplyTo")} == {
            "author": "avatar",
            "name": "My Assistant",
            "text": "You said: Hello",
            "sources": [],
            "cards": [],
            "inReplyTo": "q1",
        }
        history = await browser.get("/history")
        assert history == {"messages": first.of("message"), "before": None}


async def test_the_same_message_is_asked_once_and_its_answer_read_by_all(emulator: Emulator, browser: Browser) -> None:
    emulator.sync.settings(reply_delay="60s")
    asking = [asyncio.create_task(browser.ask("q1", "Hello")) for _ in range(5)]
    await emulator.wait_until(lambda state: any(session["messages"] for session in state["sessions"]))
    emulator.sync.advance(61)
    answers = await asyncio.gather(*asking)
    assert {answer.text for answer in answers} == {"You said: Hello"}
    later = await browser.ask("q1", "Hello")
    assert later.text == "You said: Hello"
    assert later.types == answers[0].types
    assert await asked(emulator) == ["Hello"]


async def test_an_answer_under_way_is_resumed_from_its_beginning(emulator: Emulator, browser: Browser) -> None:
    assert (await browser.resume()).status == 204
    hold(emulator)
    seen = asyncio.Event()
    first = asyncio.create_task(browser.ask("q1", "one two", at_first_piece(seen)))
    async with asyncio.timeout(20):
        await seen.wait()
        again = asyncio.Event()
        second = asyncio.create_task(browser.resume(at_first_piece(again)))
        await again.wait()
        assert not first.done()
        say_the_rest(emulator)
        whole, resumed = await asyncio.gather(first, second)
    assert resumed.parts == whole.parts
    assert resumed.headers["x-vercel-ai-ui-message-stream"] == "v1"


async def test_a_client_that_goes_away_does_not_stop_the_answer(emulator: Emulator, browser: Browser) -> None:
    hold(emulator)
    async with browser.events() as events:
        async with browser.http.stream("POST", "", json=question("q1", "one two"), headers=browser.headers) as response:
            async for line in response.aiter_lines():
                if "text-delta" in line:
                    break
        say_the_rest(emulator)
        await events.until(id="q1.1")
    assert (await browser.ask("q1", "one two")).text == "You said: one two"
    assert await asked(emulator) == ["one two"]


async def test_a_takeover_in_mid_stream_is_shown_to_all_and_so_is_the_hand_back(
    emulator: Emulator, tmp_path: Path
) -> None:
    # One piece each, since only silence ends what has no end: between two pieces a slow machine may be silent as well.
    then = [{"say": {"pieces": ["Wait, I "], "end": "missing"}}, {"owner": "takes-over"}]
    then += [{"owner": {"says": "It is me"}}, {"wait": "50ms"}, {"owner": "hands-back"}]
    script(emulator, *then, {"say": {"text": "I am back", "whole": True}})
    client = emulator.client(store=tmp_path / "widget.db", reply_idle=0.1)
    widget = WidgetApp(client, secret=SECRET, owner_name="Ada")
    async with mounted(widget) as base, Browser(base) as browser:
        await browser.open()
        async with browser.events() as events:
            answer = await browser.ask("q1", "A person, please")
            await events.until(type="message", text="I am back")
            assert answer.text == "Wait, I "
            assert answer.is_done
            said = [(e["author"], e["name"], e["text"]) for e in events.of("message")]
            assert sorted(said) == [
                ("avatar", "My Assistant", "I am back"),
                ("avatar", "My Assistant", "Wait, I "),
                ("owner", "Ada", "It is me"),
                ("visitor", "", "A person, please"),
            ]
            changes = [(event["isPresent"], event["name"]) for event in events.of("owner")]
            assert changes == [(False, "Ada"), (True, "Ada"), (False, "Ada")]


async def test_the_owner_s_word_comes_unasked_and_a_question_waits_for_it(emulator: Emulator, browser: Browser) -> None:
    await browser.ask("q1", "Hello")
    (session,) = (await emulator.state())["sessions"]
    async with browser.events() as events:
        await emulator.owner_reply(session["sessionId"], "It is me")
        await events.until(type="message", author="owner", text="It is me")
        assert (await browser.open())["speaker"] == "owner"
    async with browser.events() as events:
        assert events.all[0] == {"type": "owner", "isPresent": True, "name": "Ada"}
        asking = asyncio.create_task(browser.ask("q2", "Are you there?"))
        await events.until(type="message", id="q2")
        await emulator.wait_until(lambda state: "Are you there?" in str(state["sessions"]))
        await emulator.owner_reply(session["sessionId"], "Yes")
        answer = await asking
        assert events.of("typing") == []
    assert answer.text == "Yes"
    assert {"type": "data-author", "data": {"author": "owner", "name": "Ada"}} in answer.parts


async def test_each_question_says_that_the_owner_has_it_until_the_owner_answers(
    emulator: Emulator, tmp_path: Path
) -> None:
    client = emulator.client(store=tmp_path / "widget.db")
    widget = WidgetApp(client, secret=SECRET, owner_name="Ada", ask={"first_piece_deadline": 0.2})
    async with mounted(widget) as base, Browser(base) as browser:
        await browser.open()
        await browser.ask("q0", "Hello")
        (session,) = (await emulator.state())["sessions"]
        async with browser.events() as events:
            await emulator.owner_takeover(session["sessionId"])
            await emulator.owner_reply(session["sessionId"], "It is me")
            await events.until(type="owner", isPresent=True)
            for id in ("q1", "q2"):
                for _ in range(2):
                    answer = await browser.ask(id, "Are you there?")
                    assert answer.types == ["start", "start-step", "data-notice", "finish-step", "finish"]
                    assert answer.parts[2]["data"]["kind"] == "taken_over"
                    assert "Ada" in answer.parts[2]["data"]["text"]
            assert events.of("typing") == []


async def test_an_answer_that_fails_says_why_and_may_be_asked_again(emulator: Emulator, browser: Browser) -> None:
    script(emulator, {"fail": {"code": "session.openai.error", "reason": "The model is down"}})
    async with browser.events() as events:
        answer = await browser.ask("q1", "Hello")
        assert answer.types == ["start", "start-step", "error", "finish-step", "finish"]
        assert answer.parts[2:] == [
            {"type": "error", "errorText": "broken"},
            {"type": "finish-step"},
            {"type": "finish", "finishReason": "error"},
        ]
        notice = await events.until(type="notice", kind="broken")
        assert "The model is down" not in notice["text"]
    emulator.sync.settings(brain="echo")
    assert (await browser.ask("q1", "Hello")).text == "You said: Hello"
    assert (await browser.ask("q1", "Hello")).text == "You said: Hello"
    assert await asked(emulator) == ["Hello", "Hello"]
    assert [m["id"] for m in (await browser.get("/history"))["messages"]] == ["q1", "q1.1"]


async def test_the_history_is_read_page_by_page(emulator: Emulator, browser: Browser) -> None:
    for number in range(7):
        await browser.ask(f"q{number}", f"{number} " + "word " * 800)
    pages: list[list[str]] = []
    before: dict[str, str] = {}
    while True:
        page = await browser.get("/history", limit=4, **before)
        pages.append([message["id"] for message in page["messages"]])
        if page["before"] is None:
            break
        before = {"before": page["before"]}
    assert [len(page) for page in pages] == [4, 4, 4, 2]
    ids = [id for page in reversed(pages) for id in page]
    assert ids == [id for number in range(7) for id in (f"q{number}", f"q{number}.1")]
    longest = (await browser.get("/history", limit=1))["messages"][0]["text"]
    assert longest == "You said: 6 " + ("word " * 800).strip()


async def test_a_reader_that_comes_back_is_told_what_it_missed(browser: Browser) -> None:
    async with browser.events() as events:
        await browser.ask("q1", "Hello")
        await events.until(id="q1.1")
        at = events.ids[1]
        later = list(zip(events.ids, events.all, strict=True))[2:]
    async with browser.events(at) as again:
        await again.until(type="owner")
        assert list(zip(again.ids, again.all, strict=True))[:-1] == later
        assert (again.ids[-1], again.all[-1]["type"]) == (later[-1][0], "owner")
    for unknown in ("gone-1", "nonsense", f"{at}0000", ""):
        async with browser.events(unknown) as reset:
            assert [event["type"] for event in reset.all] == ["reset", "owner"]


async def test_a_visitor_who_is_idle_is_forgotten_and_finds_all_in_the_history(
    widget: WidgetApp, browser: Browser
) -> None:
    async with browser.events() as events:
        await browser.ask("q1", "Hello")
        await events.until(id="q1.1")
        last = events.ids[-1]
    await left(widget)
    now = widget._clock()
    widget._clock = lambda: now + 299
    async with browser.events(last) as events:
        assert [event["type"] for event in events.all] == ["owner"]
    await left(widget)
    widget._clock = lambda: now + 900
    async with Browser(str(browser.http.base_url)) as another:
        await another.open()
    assert len(widget._sessions) == 1
    async with browser.events(last) as events:
        assert [event["type"] for event in events.all] == ["reset", "owner"]
    assert [m["id"] for m in (await browser.get("/history"))["messages"]] == ["q1", "q1.1"]


async def test_two_visitors_hear_nothing_of_each_other(base: str, browser: Browser) -> None:
    async with Browser(base) as other:
        assert (await other.open())["hasHistory"] is False
        async with browser.events() as mine, other.events() as theirs:
            await asyncio.gather(browser.ask("q1", "I am the first"), other.ask("q1", "I am the second"))
            await mine.until(id="q1.1")
            await theirs.until(id="q1.1")
            assert [e["text"] for e in mine.of("message")] == ["I am the first", "You said: I am the first"]
            assert [e["text"] for e in theirs.of("message")] == ["I am the second", "You said: I am the second"]
        assert (await other.resume()).status == 204
        assert "first" not in str(await other.get("/history"))
        assert (await browser.open())["hasHistory"] is True
