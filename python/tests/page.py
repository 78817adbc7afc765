"""A page's requests to the widget's server part, without a socket between."""

import json
from typing import Any

import httpx

from browser import PLAIN
from secondme_avatar.web import WidgetApp

HOST = "https://shop.example"


class Page:
    """A page's requests to an application."""

    def __init__(self, widget: WidgetApp, peer: str = "192.0.2.1") -> None:
        self.transport = httpx.ASGITransport(widget, client=(peer, 4000))
        self.http = httpx.AsyncClient(transport=self.transport, base_url=HOST, verify=PLAIN)
        self.cookie: dict[str, str] = {}

    async def open(self, **headers: str) -> httpx.Response:
        answer = await self.call("GET", "/", **headers)
        if "set-cookie" in answer.headers:
            self.cookie = {"cookie": answer.headers["set-cookie"].partition(";")[0]}
        return answer

    async def call(self, method: str, path: str, **headers: str) -> httpx.Response:
        return await self.http.request(method, path, headers=self.cookie | _named(headers))

    async def post(self, body: Any, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {"content-type": "application/json"} | _named(headers)
        return await self.http.post("/", content=content, headers=self.cookie | named)


def code(answer: httpx.Response) -> tuple[int, str]:
    error = answer.json()["error"]
    assert set(answer.json()) == {"error"}
    assert set(error) == {"code", "message"}
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    return answer.status_code, error["code"]


def text_of(answer: httpx.Response) -> str:
    parts = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    return "".join(str(part["delta"]) for part in parts if part["type"] == "text-delta")


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
