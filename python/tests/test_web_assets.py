"""The widget's scripts in the wheel."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from browser import SECRET
from page import Page, code
from secondme_avatar import AvatarClient
from secondme_avatar.web import WidgetApp

BUILT = Path(__file__).parents[2] / "node" / "widget" / "dist"
KEPT = Path(__file__).parents[1] / "secondme_avatar" / "web" / "assets"


@pytest_asyncio.fixture
async def page(client: AvatarClient) -> AsyncIterator[Page]:
    async with WidgetApp(client, secret=SECRET) as widget:
        yield Page(widget)


def test_the_scripts_are_those_that_node_builds() -> None:
    built = {file.name: file.read_bytes() for file in BUILT.iterdir() if not file.name.endswith(".d.ts")}
    kept = {file.name: file.read_bytes() for file in KEPT.iterdir()}
    assert kept == built, "make python-web-assets"
    assert {"widget.js", "panel.js", "THIRD-PARTY-NOTICES.txt"} <= kept.keys()


async def test_all_pages_may_load_them_and_a_browser_that_has_one_is_told_so(page: Page) -> None:
    answer = await page.call("GET", "/widget.js", origin="https://evil.example", sec_fetch_site="cross-site")
    assert answer.status_code == 200
    assert answer.content == (KEPT / "widget.js").read_bytes()
    named = {
        "content-type": "text/javascript; charset=utf-8",
        "cache-control": "public, max-age=300",
        "access-control-allow-origin": "*",
        "cross-origin-resource-policy": "cross-origin",
        "x-content-type-options": "nosniff",
    }
    assert named.items() <= dict(answer.headers).items()
    for tags in (answer.headers["etag"], f'"other", W/{answer.headers["etag"]}'):
        again = await page.call("GET", "/widget.js", if_none_match=tags)
        assert (again.status_code, again.content) == (304, b"")
    assert (await page.call("GET", "/widget.js", if_none_match='"other"')).status_code == 200
    assert code(await page.call("POST", "/widget.js")) == (405, "method_not_allowed")


async def test_nothing_beside_them_is_served(page: Page) -> None:
    for path in (
        "/THIRD-PARTY-NOTICES.txt",
        "/../__init__.py",
        "/..%2f__init__.py",
        "/%2e%2e/_app.py",
        "/widget.js/",
    ):
        assert code(await page.call("GET", path)) == (404, "not_found")


async def test_a_name_with_a_hash_is_kept_for_ever(client: AvatarClient, tmp_path: Path) -> None:
    (tmp_path / "panel-AbCd1234.js").write_text("export {}")
    (tmp_path / "panel-abcd1234.js").write_text("export {}")
    (tmp_path / "secret.txt").write_text("no script")
    async with WidgetApp(client, secret=SECRET, files=tmp_path) as widget:
        page = Page(widget)
        answer = await page.call("GET", "/panel-abcd1234.js")
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        for path in ("/panel-AbCd1234.js", "/secret.txt", "/widget.js"):
            assert code(await page.call("GET", path)) == (404, "not_found")
