"""What the widget's server part refuses: without a socket between, as any ASGI server would call it."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from browser import PLAIN, SECRET, Json, question
from page import HOST, Page, code, text_of
from secondme_avatar import AvatarClient, AvatarError, MisuseError, Visitor
from secondme_avatar.testing import Emulator
from secondme_avatar.web import WidgetApp
from secondme_avatar.web._rates import Rate, address_key


@pytest_asyncio.fixture
async def widget(emulator: Emulator, tmp_path: Path) -> AsyncIterator[WidgetApp]:
    client = emulator.client(store=tmp_path / "widget.db")
    async with WidgetApp(client, secret=SECRET, allow_origins=["https://other.example"]) as widget:
        yield widget


@pytest_asyncio.fixture
async def page(widget: WidgetApp) -> Page:
    page = Page(widget)
    assert (await page.open()).status_code == 200
    return page


def said(**changed: Any) -> Json:
    body = question("q1", "Hello")
    body["messages"][0] |= changed
    return body


async def test_unknown_paths_and_methods_are_named(page: Page) -> None:
    assert code(await page.call("GET", "/nothing")) == (404, "not_found")
    assert code(await page.call("GET", "/events/")) == (404, "not_found")
    assert code(await page.call("GET", f"/{'x' * 101}/stream")) == (404, "not_found")
    answer = await page.call("DELETE", "/")
    assert (code(answer), answer.headers["allow"]) == ((405, "method_not_allowed"), "GET, POST, OPTIONS")
    answer = await page.call("POST", "/history")
    assert (code(answer), answer.headers["allow"]) == ((405, "method_not_allowed"), "GET, OPTIONS")
    assert (await page.call("HEAD", "/events")).status_code == 405


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b"", (400, "bad_request")),
        (b"[]", (400, "bad_request")),
        (b"{", (400, "bad_request")),
        (b"\xff\xfe", (400, "bad_request")),
        (b"[" * 60_000, (400, "bad_request")),
        ({}, (400, "bad_request")),
        ({"messages": []}, (400, "bad_request")),
        ({"messages": [7, {"role": "assistant"}]}, (400, "bad_request")),
        (said(id=""), (400, "bad_request")),
        (said(id="a.1"), (400, "bad_request")),
        (said(id="x" * 101), (400, "bad_request")),
        (said(id=7), (400, "bad_request")),
        (said(parts="Hello"), (400, "bad_request")),
        (said(parts=[]), (400, "bad_request")),
        (said(parts=[{"type": "file", "url": "data:,"}]), (400, "bad_request")),
        (said(parts=[{"type": "text", "text": " \n "}]), (400, "bad_request")),
        (said(parts=[{"type": "text", "text": 7}]), (400, "bad_request")),
        (said(parts=[{"type": "text", "text": "😀" * 5_001}]), (413, "too_large")),
        (b'"' + b"x" * 65_535 + b'"', (413, "too_large")),
    ],
)
async def test_a_body_of_another_form_is_refused(
    emulator: Emulator, page: Page, body: Any, wanted: tuple[int, str]
) -> None:
    assert code(await page.post(body)) == wanted
    assert (await emulator.state())["sessions"] == []


async def test_of_a_long_body_no_more_is_read_than_is_allowed(widget: WidgetApp, page: Page) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 4096
            yield b"x" * 4096

    headers = page.cookie | {"content-type": "application/json"}
    answer = await page.http.request("POST", "/", content=endless(), headers=headers)
    assert code(answer) == (413, "too_large")
    assert read <= 65_536 + 8192


async def test_what_a_form_of_another_page_can_send_is_refused(page: Page) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", ""):
        assert code(await page.post(said(), content_type=kind)) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("headers", "is_welcome"),
    [
        ({}, True),
        ({"origin": HOST}, True),
        ({"origin": "http://shop.example"}, True),
        ({"origin": "https://shop.example:8443"}, False),
        ({"origin": "https://shop.example.evil.example"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "https://evil.example", "sec_fetch_site": "same-site"}, False),
        ({"origin": "https://evil.example", "sec_fetch_site": "same-origin"}, True),
        ({"origin": "null"}, False),
        ({"origin": "null", "sec_fetch_site": "same-origin"}, False),
        ({"origin": "http://["}, False),
        ({"origin": "https://other.example"}, True),
        ({"origin": "https://other.example", "sec_fetch_site": "cross-site"}, True),
        ({"origin": "https://OTHER.example"}, False),
        ({"sec_fetch_site": "cross-site"}, False),
        ({"sec_fetch_site": "same-site"}, False),
        ({"sec_fetch_site": "same-origin"}, True),
        ({"sec_fetch_site": "none"}, True),
    ],
)
async def test_pages_of_other_origins_may_do_nothing(page: Page, headers: dict[str, str], is_welcome: bool) -> None:
    for method, path in (("GET", "/"), ("GET", "/history"), ("POST", "/")):
        answer = await page.call(method, path, **headers)
        if is_welcome:
            assert answer.status_code in (200, 415)
        else:
            assert code(answer) == (403, "origin_not_allowed")
            assert "set-cookie" not in answer.headers
        is_shared = headers.get("origin") == "https://other.example"
        assert answer.headers.get("access-control-allow-origin") == ("https://other.example" if is_shared else None)
        assert answer.headers["vary"] == "origin"


async def test_a_preflight_request_is_answered_for_allowed_origins(page: Page) -> None:
    asked = {"access_control_request_method": "POST", "access_control_request_headers": "content-type"}
    answer = await page.call("OPTIONS", "/", origin="https://other.example", **asked)
    assert answer.status_code == 204
    named = {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}
    assert named == {
        "access-control-allow-origin": "https://other.example",
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "GET, POST",
        "access-control-allow-headers": "content-type, last-event-id",
        "access-control-max-age": "600",
        "access-control-expose-headers": "retry-after, x-vercel-ai-ui-message-stream",
    }
    assert code(await page.call("OPTIONS", "/", origin="https://evil.example", **asked)) == (403, "origin_not_allowed")


async def test_a_visitor_s_rate_is_kept_and_a_repeated_message_costs_nothing(widget: WidgetApp, page: Page) -> None:
    now = widget._clock()
    widget._clock = lambda: now
    for number in range(20):
        assert (await page.post(said(id=f"q{number}"))).status_code == 200
    answer = await page.post(said(id="q20"))
    assert (code(answer), answer.headers["retry-after"]) == ((429, "rate_limited"), "3")
    assert (await page.post(said(id="q7"))).status_code == 200
    widget._clock = lambda: now + 2.9
    assert code(await page.post(said(id="q20"))) == (429, "rate_limited")
    widget._clock = lambda: now + 3
    assert (await page.post(said(id="q20"))).status_code == 200
    assert code(await page.post(said(id="q21"))) == (429, "rate_limited")


async def test_an_address_is_limited_in_messages_visitors_and_calls(emulator: Emulator, tmp_path: Path) -> None:
    rates: Any = {"address_messages_per_minute": 2, "new_visitors_per_minute": 3, "calls_per_minute": 12}
    async with WidgetApp(emulator.client(), secret=SECRET, **rates) as widget:
        now = widget._clock()
        widget._clock = lambda: now
        pages = [Page(widget, f"2001:db8:0:7::{number}") for number in range(4)]
        assert [(await page.open()).status_code for page in pages] == [200, 200, 200, 429]
        assert [(await page.post(said())).status_code for page in pages[:3]] == [200, 200, 429]
        assert (await Page(widget, "2001:db8:0:8::1").open()).status_code == 200
        codes = [(await pages[0].call("GET", "/history")).status_code for _ in range(6)]
        assert codes == [200] * 5 + [429]


async def test_of_a_visitor_s_event_streams_the_oldest_makes_room(widget: WidgetApp, page: Page) -> None:
    scope: Json = {"type": "http", "method": "GET", "path": "/events", "client": ("192.0.2.1", 1)}
    scope["headers"] = [(b"cookie", page.cookie["cookie"].encode())]
    gone = asyncio.Event()
    statuses: list[int] = []
    ends: list[bytes] = []

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])
        elif not message.get("more_body"):
            ends.append(message["body"])

    tabs: list[asyncio.Task[None]] = []
    async with asyncio.timeout(20):
        for number in range(9):
            tabs.append(asyncio.create_task(widget(dict(scope), receive, send)))
            while len(statuses) <= number:
                await asyncio.sleep(0)
        await tabs[0]
        assert ends == [b""]
        assert not any(tab.done() for tab in tabs[1:])
        gone.set()
        await asyncio.gather(*tabs)
    assert statuses == [200] * 9


async def test_where_nothing_tells_the_address_the_program_is_told(emulator: Emulator) -> None:
    told: list[BaseException] = []
    peers: list[Any] = [None, ("203.0.113.9", 1)]
    for options, wanted in (({}, [500, 200]), ({"address": False}, [200, 200]), ({"address": _forwarded}, [200, 200])):
        client = emulator.client()
        async with WidgetApp(client, secret=SECRET, on_error=lambda error, _: told.append(error), **options) as widget:
            statuses = []
            for peer in peers:
                transport = httpx.ASGITransport(widget, client=peer)
                async with httpx.AsyncClient(transport=transport, base_url=HOST, verify=PLAIN) as http:
                    statuses.append((await http.get("/", headers={"x-real-ip": "203.0.113.9"})).status_code)
            assert statuses == wanted
    assert [type(error) for error in told] == [MisuseError]
    assert "`address`" in str(told[0])


async def test_an_address_function_that_returns_none_is_named(emulator: Emulator) -> None:
    told: list[BaseException] = []
    nothing: Any = lambda _: None  # noqa: E731
    options: Any = {"secret": SECRET, "address": nothing, "on_error": lambda error, _: told.append(error)}
    async with WidgetApp(emulator.client(), **options) as widget:
        assert code(await Page(widget).open()) == (500, "internal")
    assert [type(error) for error in told] == [MisuseError]
    assert "`address` returned NoneType" in str(told[0])


def _forwarded(scope: Any) -> str:
    return str(dict(scope["headers"])[b"x-real-ip"], "ascii")


async def test_what_the_store_cannot_keep_is_not_accepted_and_may_come_again(
    widget: WidgetApp, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: Any, **__: Any) -> bool:
        raise AvatarError("the disk of ada is full")

    with monkeypatch.context() as broken:
        broken.setattr(AvatarClient, "add_note", full)
        answer = await page.post(said())
        assert code(answer) == (503, "unavailable")
        assert answer.headers["retry-after"] == "5"
        assert "ada" not in answer.text
    assert text_of(await page.post(said())) == "You said: Hello"
    assert [m["id"] for m in (await page.call("GET", "/history")).json()["messages"]] == ["q1", "q1.1"]


async def test_halves_of_characters_do_no_harm(page: Page) -> None:
    text = json.dumps(said(parts=[{"type": "text", "text": "x"}])).replace('"x"', '"a\\ud83d b\\u0000c"').encode()
    answer = await page.post(text)
    assert answer.status_code == 200
    assert (await page.call("GET", "/history")).json()["messages"][0]["text"] == "a� b\x00c"


async def test_a_cursor_or_a_limit_of_another_form_is_refused(page: Page) -> None:
    for query in (
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=x",
        "limit=",
        "before=x",
        "before=7.1",
        "before=1",
        "before=",
    ):
        assert code(await page.call("GET", f"/history?{query}")) == (400, "bad_request")


async def test_after_the_end_is_begun_nothing_is_taken(widget: WidgetApp, page: Page) -> None:
    assert text_of(await page.post(said(id="q0"))) == "You said: Hello"
    await widget.idle()
    await widget.close(deadline=0)
    answer = await page.post(said())
    assert (code(answer), answer.headers["retry-after"]) == ((503, "unavailable"), "2")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({}, "`secret`"),
        ({"secret": "short"}, "32 bytes"),
        ({"secret": []}, "`secret`"),
        ({"secret": [SECRET, "short"]}, "32 bytes"),
        ({"secret": SECRET, "visitor_of": lambda _: None}, "`visitor_of`"),
        ({"secret": SECRET, "cookie_name": "avatar"}, "`cookie_name`"),
        ({"secret": SECRET, "allow_origins": "https://other.example"}, "`allow_origins`"),
        ({"secret": SECRET, "allow_origins": ["*"]}, "`allow_origins`"),
        ({"secret": SECRET, "allow_origins": ["https://other.example/"]}, "`allow_origins`"),
        ({"secret": SECRET, "allow_origins": ["other.example"]}, "`allow_origins`"),
        ({"secret": SECRET, "allow_origins": ["https://other.example:443"]}, "`allow_origins`"),
        ({"secret": SECRET, "allow_origins": ["https://Other.example"]}, "`allow_origins`"),
        ({"visitor_of": lambda _: None, "embedded": True}, "leave `embedded` out"),
        ({"visitor_of": lambda _: None, "cookie_name": "__Host-shop"}, "leave `cookie_name` out"),
        ({"visitor_of": lambda _: None, "channel": "shop"}, "leave `channel` out"),
        (
            {"visitor_of": lambda _: None, "embedded": False, "new_visitors_per_minute": 3},
            "leave `embedded` and `new_visitors_per_minute` out",
        ),
        ({"visitor_of": "shop"}, "`visitor_of` is 'shop'"),
        ({"secret": SECRET, "address": "x-real-ip"}, "`address` is 'x-real-ip'"),
        ({"secret": SECRET, "address": True}, "`address` is True"),
        (
            {"secret": SECRET, "address": False, "calls_per_minute": 60, "address_messages_per_minute": 3},
            "leave `address_messages_per_minute` and `calls_per_minute` out",
        ),
        ({"secret": SECRET, "max_text_chars": 70_000}, "`max_body_bytes` is 65536, and no message"),
        ({"secret": SECRET, "messages_per_minute": 0}, "`messages_per_minute`"),
        ({"secret": SECRET, "messages_per_minute": 0.5}, "1 or more"),
        ({"secret": SECRET, "messages_per_minute": "20"}, "`messages_per_minute`"),
        ({"secret": SECRET, "files": "/nowhere"}, "`files`"),
        ({"secret": SECRET, "language": "xx"}, "`language`"),
        ({"secret": SECRET, "name": "a/b"}, "`name`"),
    ],
)
async def test_an_option_that_cannot_be_meant_is_refused(client: AvatarClient, options: Any, named: str) -> None:
    with pytest.raises(MisuseError, match=named):
        WidgetApp(client, **options)


async def test_users_who_are_signed_in_are_the_program_s_own(emulator: Emulator) -> None:
    async def visitor_of(scope: Any) -> Visitor | None:
        user = dict(scope["headers"]).get(b"x-user", b"").decode()
        return Visitor.for_user("shop", user, name=user.title()) if user else None

    async with WidgetApp(emulator.client(), visitor_of=visitor_of) as widget:
        page = Page(widget)
        assert code(await page.open()) == (401, "no_visitor")
        answer = await page.open(x_user="ada")
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        assert text_of(await page.post(said(), x_user="ada")) == "You said: Hello"
        assert len((await page.call("GET", "/history", x_user="ada")).json()["messages"]) == 2
        assert (await page.call("GET", "/history", x_user="bob")).json()["messages"] == []
    (session,) = (await emulator.state())["sessions"]
    assert session["visitorId"] == Visitor.for_user("shop", "ada").id


def test_addresses_are_counted_by_what_one_household_has() -> None:
    assert address_key("2001:db8::1") == address_key("2001:db8::ffff:1") == "2001:db8::/64"
    assert address_key("2001:db8:0:1::1") != address_key("2001:db8::1")
    assert address_key("::ffff:192.0.2.1") == address_key("192.0.2.1") == "192.0.2.1"
    assert address_key("fe80::1%eth0") == "fe80::/64"
    assert address_key("unix:") == "unix:"


def test_a_flood_of_keys_is_kept_within_bounds_and_those_at_their_limit_are_remembered() -> None:
    now = 0.0
    rate = Rate(2, lambda: now)
    assert [rate.take("busy") for _ in range(3)] == [None, None, 30]
    for number in range(30_000):
        rate.take(f"{number}")
    assert len(rate) <= 10_000
    assert rate.take("busy") == 30
    now = 31.0
    assert rate.take("busy") is None


async def test_a_message_that_the_address_may_not_send_costs_its_visitor_nothing(emulator: Emulator) -> None:
    rates: Any = {"messages_per_minute": 2, "address_messages_per_minute": 1}
    async with WidgetApp(emulator.client(), secret=SECRET, **rates) as widget:
        now = widget._clock()
        widget._clock = lambda: now
        page = Page(widget)
        await page.open()
        assert (await page.post(said(id="q1"))).status_code == 200
        for _ in range(3):
            assert (await page.post(said(id="q2"))).status_code == 429
        elsewhere = Page(widget, "198.51.100.7")
        elsewhere.cookie = page.cookie
        assert (await elsewhere.post(said(id="q2"))).status_code == 200


async def test_a_request_that_a_server_gives_up_is_answered_all_the_same(
    emulator: Emulator, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, set_note = asyncio.Event(), AvatarClient.set_note

    async def noted(*arguments: Any, **keywords: Any) -> None:
        begun.set()
        await set_note(*arguments, **keywords)

    monkeypatch.setattr(AvatarClient, "set_note", noted)
    asking = asyncio.create_task(page.post(said()))
    await begun.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await emulator.wait_until(lambda state: any(session["messages"] for session in state["sessions"]))
    assert text_of(await page.post(said())) == "You said: Hello"
    assert len((await emulator.state())["sessions"][0]["messages"]) == 2


@pytest.mark.usefixtures("looks_often")
async def test_what_is_left_for_the_next_start_is_not_waited_for(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_note = AvatarClient.set_note
    is_full = True

    async def full(self: AvatarClient, visitor: Visitor, key: str, *arguments: Any, **keywords: Any) -> None:
        if is_full and "/turn/" in key:
            raise OSError("the disk is full")
        await set_note(self, visitor, key, *arguments, **keywords)

    monkeypatch.setattr(AvatarClient, "set_note", full)
    path = tmp_path / "widget.db"
    async with WidgetApp(emulator.client(store=path), secret=SECRET, on_error=lambda *_: None) as widget:
        page = Page(widget)
        await page.open()
        for _ in range(2):
            async with asyncio.timeout(20):
                answer = await page.post(said())
            assert '{"type":"error","errorText":"unavailable"}' in answer.text
            assert answer.text.endswith("data: [DONE]\n\n")
    is_full = False
    async with WidgetApp(emulator.client(store=path), secret=SECRET) as widget:
        again = Page(widget)
        again.cookie = page.cookie
        assert text_of(await again.post(said())) == "You said: Hello"
    assert len((await emulator.state())["sessions"][0]["messages"]) == 2
