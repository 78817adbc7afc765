"""Calls of the service that the library does not know."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

import secondme_avatar.sync
from secondme_avatar import AvatarClient, MisuseError, RefusedError, Visitor
from secondme_avatar.testing import Emulator

ADA = Visitor.for_user("test", "ada")
BIG = 123456789012345678901234567890


class Handler(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        known = {"path": self.path, "authorization": self.headers["Authorization"], "body": json.loads(body)}
        self.answer(200, {"code": 0, "data": known})

    def do_GET(self) -> None:
        self.answer(302 if self.path.endswith("moved") else 200, {"code": 7, "subCode": "no.such.thing"})

    def answer(self, status: int, body: object) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_call_with_the_key_is_exact_and_its_failures_have_a_kind() -> None:
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        base = f"http://127.0.0.1:{server.server_port}/gate/in"
        with secondme_avatar.sync.AvatarClient("sk-0123456789abcdef", base_url=base) as client:
            body = {"n": [BIG, -BIG, 1.5, "张三", None]}
            assert client.request("PUT", "/rest/new?x=1", body) == {
                "path": "/gate/in/rest/new?x=1",
                "authorization": "Bearer sk-0123456789abcdef",
                "body": body,
            }
            with pytest.raises(RefusedError) as refused:
                client.request("GET", "/rest/new")
            assert refused.value.code == "no.such.thing"
            with pytest.raises(RefusedError):
                client.request("GET", "/rest/moved")
        server.shutdown()


async def test_a_visitor_s_call_shows_its_token(emulator: Emulator, client: AvatarClient) -> None:
    chat = await client.open(ADA)
    await chat.ask("Hello")
    path = f"/rest/general/message/latest?sessionId={chat.session_id}"
    assert '"Hello"' in json.dumps(await client.request("GET", path, visitor=ADA))
    with pytest.raises(RefusedError):
        await client.request("GET", "/rest/none", visitor=ADA)


async def test_what_is_no_call_is_refused(client: AvatarClient) -> None:
    refused: list[tuple[str, str, object, str]] = [
        ("FETCH", "/a", None, "the method"),
        ("GET", "https://evil.example/a", None, "it is not a whole URL"),
        ("POST", "/a/%2e%2e", {}, "could lead to outside"),
        ("POST", "/a", float("nan"), "cannot be written as JSON"),
        ("POST", "/a", {1, 2}, "cannot be written as JSON"),
    ]
    for method, path, body, says in refused:
        with pytest.raises(MisuseError, match=says):
            await client.request(method, path, body)
