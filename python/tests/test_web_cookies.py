"""The visitor's cookie: what browsers keep, and what is believed."""

import re
import time
from base64 import urlsafe_b64encode
from hashlib import sha256
from hmac import digest
from typing import Any

import pytest

from browser import SECRET
from page import Page, code
from secondme_avatar import MisuseError, Visitor
from secondme_avatar.testing import Emulator
from secondme_avatar.web import WidgetApp
from secondme_avatar.web._cookies import Cookies

DAY = 86_400
NOW = 1_800_000_000
OLDER = "older secret of at least 32 bytes"


def made(secret: str = SECRET, id: str = "A" * 22, issued: int = NOW, signed_with: str | None = None) -> str:
    """Makes a cookie as the wire describes it, without this package."""
    signed = f"v1.{id}.{issued}"
    signature = digest((signed_with or secret).encode(), signed.encode(), sha256)
    return f"{signed}.{urlsafe_b64encode(signature).decode().rstrip('=')}"


def read(cookies: Cookies, value: str, now: float = NOW) -> tuple[str, bool] | None:
    return cookies.read(f"a=b; __Host-avatar={value}; c=d", now)


def test_a_cookie_is_what_the_wire_says() -> None:
    cookies = Cookies("__Host-avatar", SECRET, embedded=False)
    name, header = cookies.header("A" * 22, NOW)
    assert name == b"set-cookie"
    attributes = "Max-Age=34560000; Path=/; HttpOnly; Secure; SameSite=Lax"
    assert header.decode() == f"__Host-avatar={made()}; {attributes}"
    _, header = Cookies("__Host-shop", SECRET, embedded=True).header("A" * 22, NOW)
    attributes = "Max-Age=34560000; Path=/; HttpOnly; Secure; SameSite=None; Partitioned"
    assert header.decode() == f"__Host-shop={made()}; {attributes}"
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", Cookies.new_id())
    assert read(cookies, made()) == ("A" * 22, False)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "nonsense",
        made(signed_with="another secret of at least 32 bytes"),
        made()[:-1],
        made()[:-20],
        made().rpartition(".")[0],
        made().rpartition(".")[0] + ".",
        made() + "A",
        made().replace("A" * 22, "B" * 22),
        made().replace(str(NOW), str(NOW - 1)),
        made().replace("v1.", "v2."),
        made(id="A" * 23),
        made(id="A" * 21 + "/"),
        made(issued=NOW - 401 * DAY),
        made(issued=NOW + 2 * DAY),
        made().replace(str(NOW), "1" * 5_000),
        "v1." + "A" * 22 + f".{NOW}." + "é" * 43,
        "v1." + "A" * 22 + ".١٢٣." + "A" * 43,
    ],
)
def test_a_cookie_that_this_server_did_not_make_is_none(value: str) -> None:
    assert read(Cookies("__Host-avatar", SECRET, embedded=False), value) is None


def test_a_secret_is_replaced_without_losing_a_visitor() -> None:
    both = Cookies("__Host-avatar", [SECRET, OLDER], embedded=False)
    assert read(both, made(OLDER)) == ("A" * 22, True)
    assert read(both, made()) == ("A" * 22, False)
    assert read(both, made(issued=NOW - 31 * DAY)) == ("A" * 22, True)
    assert read(Cookies("__Host-avatar", SECRET, embedded=False), made(OLDER)) is None
    _, header = both.header("A" * 22, NOW)
    assert header.decode().startswith(f"__Host-avatar={made()};")


def test_of_several_cookies_the_one_that_fits_counts() -> None:
    cookies = Cookies("__Host-avatar", SECRET, embedded=False)
    header = f"__Host-avatar=forged; __Host-avatar={made()}; avatar={made(id='B' * 22)}"
    assert cookies.read(header, NOW) == ("A" * 22, False)


async def test_a_visitor_is_made_by_one_call_only_and_a_forged_cookie_is_none(emulator: Emulator) -> None:
    async with WidgetApp(emulator.client(), secret=[SECRET, OLDER]) as widget:
        page = Page(widget)
        calls: list[tuple[str, str]] = [("GET", "/events"), ("GET", "/history"), ("GET", "/chat/stream"), ("POST", "/")]
        for cookie in ({}, {"cookie": f"__Host-avatar={made(issued=int(time.time()))}x"}, {"cookie": "__Host-avatar="}):
            page.cookie = cookie
            for method, path in calls:
                answer = await page.call(method, path)
                assert code(answer) == (401, "no_visitor")
                assert "set-cookie" not in answer.headers
        first = (await page.open()).headers["set-cookie"]
        assert first.startswith("__Host-avatar=v1.")
        assert "set-cookie" not in (await page.open()).headers
        assert (await page.call("GET", "/history")).status_code == 200
        page.cookie = {"cookie": f"__Host-avatar={made(OLDER, issued=int(time.time()))}"}
        assert "set-cookie" not in (await page.call("GET", "/history")).headers
        again = (await page.open()).headers["set-cookie"]
        assert again.startswith(f"__Host-avatar=v1.{'A' * 22}.")


async def test_a_cookie_names_the_same_visitor_in_every_language(emulator: Emulator) -> None:
    async with WidgetApp(emulator.client(), secret=SECRET, name="shop") as widget:
        page = Page(widget)
        page.cookie = {"cookie": f"__Host-avatar={made(issued=int(time.time()))}"}
        assert (await page.open()).status_code == 200
        assert list(widget._sessions) == [Visitor.for_user("shop", "A" * 22).id]


@pytest.mark.parametrize("name", ["avatar", "__Host-", "__Host-a b", "__Host-a;", "__Secure-a"])
def test_a_cookie_s_name_begins_so_that_browsers_guard_it(name: str) -> None:
    with pytest.raises(MisuseError, match="__Host-"):
        Cookies(name, SECRET, embedded=False)


def test_no_secret_is_printed() -> None:
    secret: Any = SECRET
    cookies = Cookies("__Host-avatar", secret, embedded=False)
    assert SECRET not in repr(cookies) + str(cookies)
