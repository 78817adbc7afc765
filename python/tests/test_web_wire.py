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

from browser import PATIENCE, Browser, Events, Json, mounted
from secondme_avatar import Visitor
from secondme_avatar.testing import Emulator
from secondme_avatar.web import WidgetApp
from secondme_avatar.web._calls import tag_of
from secondme_avatar.web._cookies import Cookies
from secondme_avatar.web._rates import address_key

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
            case {"listen": name, "stream": stream}:
                after = step.get("after")
                last = step.get("lastEventId") if after is None else self._streams[after].ids[self._read[after] - 1]
                leaving = self._leaving[stream] = await self._stack.enter_async_context(AsyncExitStack())
                self._streams[stream] = await leaving.enter_async_context(self._browsers[name].events(last))
                self._read[stream] = 0
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
        async with httpx.AsyncClient(timeout=PATIENCE) as http:
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

    async def _events(self, stream: str, expected: list[Json], any_order: bool) -> None:
        events, start = self._streams[stream], self._read[stream]
        end = self._read[stream] = start + len(expected)
        async with asyncio.timeout(PATIENCE):
            while len(events.all) < end:
                events.changed.clear()
                await events.changed.wait()
        heard = events.all[start:end]
        if any_order:
            for event in expected:
                assert any(matches(one, event) for one in heard), heard
        else:
            assert matches(heard, expected), heard

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
        if part["type"] == "text-delta" and parts and parts[-1]["type"] == "text-delta":
            parts[-1]["delta"] += part["delta"]
        else:
            parts.append(part)
    return parts


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda letter: "_" + letter[0].lower(), name)
