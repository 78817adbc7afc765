"""The wire of the website widget, as ``spec/web-wire.json`` has it for all languages."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from browser import PATIENCE, PLAIN, Browser, Events, Json, mounted
from secondme_avatar import Visitor
from secondme_avatar._plain import Piece
from secondme_avatar.testing import Emulator
from secondme_avatar.web import WidgetApp
from secondme_avatar.web._calls import tag_of
from secondme_avatar.web._cookies import Cookies
from secondme_avatar.web._outlet import WebOutlet, question_id
from secondme_avatar.web._rates import address_key
from secondme_avatar.web._readers import Reader
from secondme_avatar.web._sessions import Session
from secondme_avatar.web._transcript import Transcript
from secondme_avatar.web._turns import ERRORS

WIRE: Json = json.loads((Path(__file__).parents[2] / "spec" / "web-wire.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", WIRE["cookies"], ids=lambda case: case["name"])
def test_a_cookie(case: Json) -> None:
    found = Cookies("__Host-avatar", case["secrets"], embedded=False).read(case["header"], case["nowMs"] / 1000)
    assert found == (None if case["id"] is None else (case["id"], case["isStale"]))


def test_the_visitor_of_a_cookie_is_the_same_in_all_languages() -> None:
    for case in WIRE["visitors"]:
        assert Visitor.for_user("web", case["id"]).id == case["visitor"]
        assert tag_of(case["visitor"]) == case["tag"]


def test_addresses_that_count_as_one() -> None:
    for one, other in WIRE["addresses"]["same"]:
        assert address_key(one) == address_key(other)
    for one, other in WIRE["addresses"]["different"]:
        assert address_key(one) != address_key(other)


@pytest.mark.parametrize("case", WIRE["pieces"], ids=lambda case: case["name"])
async def test_pieces(case: Json, emulator: Emulator) -> None:
    visitor = Visitor.for_user("web", "ada")
    session = Session(visitor, Transcript(emulator.client(), visitor, "web", 60.0))
    outlet = WebOutlet(lambda _: session, lambda _: session)
    outlet.avatar_name, outlet.owner_name = lambda: "Nova", "Ada"
    for author, text in case["said"]:
        outlet.piece(visitor.id, question_id("m1", 1), Piece(text, author), "")
    turn = session.turns["m1"]
    turn.end()
    parts = _parts(turn.take(0, Reader())[0].decode())
    assert matches(parts, case["parts"]), parts
    place, _ = session.begin(None, is_owner_present=False, owner_name="Ada")
    told = session.take(place, Reader())[0].decode().splitlines()
    grown = [json.loads(line.removeprefix("data: ")) for line in told if line.startswith("data: ")]
    assert matches(grown, case["grows"]), grown


@pytest.mark.parametrize("case", WIRE["cases"], ids=lambda case: case["name"])
async def test_a_case(case: Json, emulator: Emulator, tmp_path: Path) -> None:
    if "brain" in case:
        emulator.sync.settings(brain=case["brain"])
    (tmp_path / "widget.js").write_text("export {}\n", encoding="utf-8")
    errors: list[BaseException] = []
    options: Json = {_snake(name): value for name, value in case.get("options", {}).items()}
    widget = WidgetApp(
        emulator.client(),
        secret=WIRE["secrets"][0],
        files=tmp_path,
        avatar_name="Nova",
        owner_name="Ada",
        on_error=lambda error, _: errors.append(error),
        **options,
    )
    async with mounted(widget) as base, AsyncExitStack() as stack:
        player = Player(base, emulator, stack)
        for number, step in enumerate(case["steps"], 1):
            try:
                await player.play(step)
            except AssertionError as error:
                raise AssertionError(f"step {number}, {json.dumps(step)[:300]}: {error}") from error
    assert errors == []


class Player:
    """Does what the steps of a case say."""

    def __init__(self, base: str, emulator: Emulator, stack: AsyncExitStack) -> None:
        self._base, self._emulator, self._stack = base, emulator, stack
        self._browsers: dict[str, Browser] = {}
        self._streams: dict[str, Events] = {}
        self._read: dict[str, int] = {}
        self._leaving: dict[str, AsyncExitStack] = {}
        self._answers: dict[str, httpx.Response] = {}
        self._growing: dict[str, str] = {}
        self._kept: dict[str, str] = {"host": httpx.URL(base).netloc.decode()}

    async def play(self, step: Json) -> None:
        match step:
            case {"visit": name}:
                browser = self._browsers[name] = await self._stack.enter_async_context(Browser(self._base))
                await browser.open()
            case {"call": call, "answer": answer}:
                await self._call(
                    step.get("as"), json.loads(self._filled(json.dumps(call))), answer, step.get("keep", {})
                )
            case {"as": name, "start": answer, "call": call}:
                browser = self._browsers[name]
                content = json.dumps(call["json"])
                headers = browser.headers | {"content-type": "application/json"}
                http = await self._stack.enter_async_context(httpx.AsyncClient(timeout=PATIENCE, verify=PLAIN))
                stream = http.stream(call["method"], self._base, content=content, headers=headers)
                self._answers[answer] = await self._stack.enter_async_context(stream)
                assert self._answers[answer].status_code == 200
            case {"finish": answer, "parts": parts}:
                found = _parts((await self._answers[answer].aread()).decode())
                assert matches(found, parts), found
            case {"advance": ms}:
                await self._emulator.advance(ms / 1000)
            case {"stream": stream, "grows": grown}:
                await self._grows(stream, grown)
            case {"listen": name, "stream": stream}:
                after = step.get("after")
                last = (
                    step.get("lastEventId")
                    if after is None
                    else self._streams[after].everything[self._read[after] - 1][0]
                )
                leaving = self._leaving[stream] = await self._stack.enter_async_context(AsyncExitStack())
                self._streams[stream] = await leaving.enter_async_context(self._browsers[name].events(last))
                self._read[stream] = 0
                self._growing.pop(stream, None)
            case {"stream": stream, "events": events}:
                await self._events(stream, events, step.get("anyOrder", False))
            case {"leave": stream}:
                await self._leaving[stream].aclose()
            case {"ended": stream}:
                task = self._streams[stream].task
                assert task is not None
                async with asyncio.timeout(PATIENCE):
                    await asyncio.wait([task])
            case {"owner": action}:
                (session, *_) = (await self._emulator.state())["sessions"]
                await self._owner(action, session["sessionId"], step.get("text"))
            case {"asked": texts}:
                assert await self._asked() == texts
            case _:
                raise AssertionError("there is no such step")

    async def _call(self, name: str | None, call: Json, expected: Json, keep: dict[str, str]) -> None:
        headers: dict[str, str] = self._browsers[name].headers if name is not None else {}
        content = call.get("body", "").encode() or None
        if "json" in call:
            content = json.dumps(call["json"]).encode()
            headers = headers | {"content-type": "application/json"}
        url = self._base + call.get("path", "") + (f"?{call['query']}" if "query" in call else "")
        body = _chunks(content) if call.get("chunked") else content
        headers = headers | call.get("headers", {})
        async with httpx.AsyncClient(timeout=PATIENCE, verify=PLAIN) as http:
            answer = await http.request(call.get("method", "GET"), url, content=body, headers=headers)
        assert answer.status_code == expected["status"], answer.text
        for header, value in expected.get("headers", {}).items():
            given = answer.headers.get(header)
            assert (given is None) if value is None else matches(given, value), f"{header} is {given}"
        if "parts" in expected:
            assert matches(_parts(answer.text), expected["parts"]), answer.text
        if "json" in expected:
            assert matches(answer.json(), expected["json"]), answer.text
        for kept, source in keep.items():
            header = source.removeprefix("header:")
            self._kept[kept] = answer.headers[header] if header != source else answer.json()[source]

    async def _next(self, stream: str) -> Json:
        """The next event of a stream."""
        events, number = self._streams[stream], self._read[stream]
        async with asyncio.timeout(PATIENCE):
            while len(events.everything) <= number:
                events.changed.clear()
                await events.changed.wait()
        self._read[stream] += 1
        return events.everything[number][1]

    async def _events(self, stream: str, expected: list[Json], any_order: bool) -> None:
        heard: list[Json] = []
        while len(heard) < len(expected):
            event = await self._next(stream)
            if event["type"] not in ("growing", "piece"):
                heard.append(event)
        if any_order:
            for event in expected:
                assert any(matches(one, event) for one in heard), heard
        else:
            assert matches(heard, expected), heard

    async def _grows(self, stream: str, grown: Json) -> None:
        """Reads a reply that grows, until it has this text: each piece is there once."""
        while self._growing.get(stream) != grown["text"]:
            event = await self._next(stream)
            if event["type"] == "growing":
                assert matches(event, {**grown, "type": "growing", "text": "*text"}), event
                self._growing[stream] = event["text"]
            else:
                length = len(self._growing[stream].encode("utf-16-le")) // 2
                assert (event["type"], event["from"]) == ("piece", length), event
                self._growing[stream] += event["text"]
            assert grown["text"].startswith(self._growing[stream])

    async def _owner(self, action: str, session: str, text: str | None) -> None:
        match action:
            case "reply":
                assert text is not None
                await self._emulator.owner_reply(session, text)
            case "takeOver":
                await self._emulator.owner_takeover(session)
            case _:
                await self._emulator.owner_handback(session)

    async def _asked(self) -> list[str]:
        sessions = (await self._emulator.state())["sessions"]
        return [m["text"] for session in sessions for m in session["messages"] if m["author"] == "visitor"]

    def _filled(self, text: str) -> str:
        def value(match: re.Match[str]) -> str:
            return json.dumps(self._kept[match[1]])[1:-1] if match[1] in self._kept else match[0]

        return re.sub(r"\{([a-z]+)\}", value, text)


def matches(found: Any, wanted: Any) -> bool:
    """Whether a value is the one that the case has. Nothing may be missing or left over."""
    match wanted:
        case "*":
            return True
        case "*text":
            return isinstance(found, str) and found != ""
        case "*number":
            return re.fullmatch(r"[0-9.]+", str(found)) is not None
        case str() if wanted.startswith("^"):
            return isinstance(found, str) and re.search(wanted, found) is not None
        case dict():
            named = isinstance(found, dict) and found.keys() == wanted.keys()
            return named and all(matches(found[name], value) for name, value in wanted.items())
        case list():
            long = isinstance(found, list) and len(found) == len(wanted)
            return long and all(matches(one, value) for one, value in zip(found, wanted, strict=True))
    return bool(found == wanted and isinstance(found, bool) == isinstance(wanted, bool))


async def _chunks(content: bytes | None) -> AsyncIterator[bytes]:
    yield content or b""


def _parts(text: str) -> list[Json]:
    """The parts of a stream that has ended, the pieces of a text joined."""
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    parts: list[Json] = []
    for part in map(json.loads, lines[:-1]):
        _holds(part)
        if part["type"] == "text-delta" and parts and parts[-1]["type"] == "text-delta":
            parts[-1]["delta"] += part["delta"]
        else:
            parts.append(part)
    return parts


def _holds(part: Json) -> None:
    """A part has the fields, and the words, that the wire has for it."""
    kind, words = part["type"], WIRE["words"]
    fields: Json = part["data"] if kind.startswith("data-") else {name: part[name] for name in part if name != "type"}
    assert sorted(fields) == words["parts"][kind], part
    if kind == "data-author":
        assert fields["author"] in words["authors"]
    if kind == "data-notice":
        assert fields["kind"] in words["notices"]
    if kind == "error":
        assert fields["errorText"] in words["failures"]


def test_what_fails_has_the_words_of_the_wire() -> None:
    assert sorted(ERRORS) == sorted(WIRE["words"]["failures"])


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda letter: "_" + letter[0].lower(), name)
