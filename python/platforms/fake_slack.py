"""A fake of Slack on loopback: what a person sees in its threads, its limits, and what goes wrong."""

import asyncio
import json
import random
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout, WSMsgType, web
from slack_sdk.signature import SignatureVerifier

SECRET = "signing-secret"
LONGEST = 12_000
STREAM_LIFE = 300.0


@dataclass
class Message:
    channel: str
    thread: str
    ts: str
    text: str
    is_streaming: bool = False
    touched: float = 0.0
    edits: int = 0


@dataclass
class Faults:
    """How often what goes wrong, out of 1."""

    refused: float = 0.0
    """429 with Retry-After."""
    lost: float = 0.0
    """The call is done, and the connection ends without an answer."""
    repeated: float = 0.0
    """An event is delivered twice at once."""
    seed: int = 1
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def strikes(self, share: float) -> bool:
        return self._random.random() < share


class FakeSlack:
    def __init__(self, faults: Faults | None = None, *, retry_after: float = 1.0) -> None:
        self.faults = faults or Faults()
        self.retry_after = retry_after
        self.messages: list[Message] = []
        self.calls: list[tuple[str, float]] = []
        self.redelivered = 0
        self.changed = asyncio.Event()
        self.bot_url: str | None = None
        self.number = 0
        self._socket: web.WebSocketResponse | None = None
        self._unacked: dict[str, dict[str, Any]] = {}
        self._acks: dict[str, asyncio.Event] = {}

    async def __aenter__(self) -> "FakeSlack":
        app = web.Application()
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_get("/socket", self._connected)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}/api/"
        self._session = ClientSession(timeout=ClientTimeout(total=3))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._socket is not None:
            await self._socket.close()
        await self._session.close()
        await self._runner.cleanup()

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def thread(self, channel: str, thread: str) -> list[str]:
        return [message.text for message in self.messages if (message.channel, message.thread) == (channel, thread)]

    async def say(
        self, user: str, text: str, *, channel: str | None = None, thread: str | None = None, **more: Any
    ) -> str:
        """A person says something; returns when the bot has taken it. Gives the message's thread."""
        self.number += 1
        ts = f"{1_700_000_000 + self.number}.{self.number:06}"
        event = {"type": "message", "channel_type": "im", "channel": channel or f"D{user}", "user": user, "text": text}
        event |= {"ts": ts, "team": "T1", **more}
        if thread is not None:
            event["thread_ts"] = thread
        await self.deliver({"event_id": f"Ev{self.number}", "event": event})
        return thread or ts

    async def deliver(self, about: dict[str, Any]) -> None:
        payload = {"type": "event_callback", "team_id": "T1", "api_app_id": "A1", "event_time": 1, **about}
        payload["authorizations"] = [{"team_id": "T1", "user_id": "UBOT", "is_bot": True}]
        if self.faults.strikes(self.faults.repeated):
            await asyncio.gather(self._deliver(payload), self._deliver(payload))
        else:
            await self._deliver(payload)

    async def _deliver(self, payload: dict[str, Any]) -> None:
        """Delivers an event again until the bot has taken it: Slack does so after 3 s."""
        while not await (self._post(payload) if self.bot_url is not None else self._push(payload)):
            self.redelivered += 1
            await asyncio.sleep(0.2)

    async def _post(self, payload: dict[str, Any]) -> bool:
        body, now = json.dumps(payload), str(int(time.time()))
        signature = SignatureVerifier(SECRET).generate_signature(timestamp=now, body=body)
        headers = {"content-type": "application/json", "x-slack-request-timestamp": now}
        headers["x-slack-signature"] = signature or ""
        assert self.bot_url is not None
        try:
            async with self._session.post(self.bot_url, data=body, headers=headers) as answer:
                return answer.status == 200
        except (ClientError, asyncio.TimeoutError):
            return False

    async def _push(self, payload: dict[str, Any]) -> bool:
        self.number += 1
        envelope, acked = f"e{self.number}", asyncio.Event()
        self._acks[envelope] = acked
        try:
            if self._socket is None:
                return False
            await self._socket.send_json({"envelope_id": envelope, "type": "events_api", "payload": payload})
            await asyncio.wait_for(acked.wait(), 3)
        except (ConnectionError, ClientError, asyncio.TimeoutError):
            return False
        finally:
            del self._acks[envelope]
        return True

    async def cut_socket(self) -> None:
        if self._socket is not None and not self._socket.closed:
            transport = self._socket._req.transport if self._socket._req is not None else None
            if transport is not None:
                transport.abort()

    async def _connected(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "hello"})
        self._socket = socket
        self.changed.set()
        async for message in socket:
            if message.type is WSMsgType.TEXT and (
                acked := self._acks.get(json.loads(message.data).get("envelope_id"))
            ):
                acked.set()
        if self._socket is socket:
            self._socket = None
        return socket

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        is_json = request.content_type == "application/json"
        given: dict[str, Any] = await request.json() if is_json else {**request.query, **await request.post()}
        self.calls.append((method, self.now()))
        if method.startswith("chat.") and self.faults.strikes(self.faults.refused):
            headers = {"Retry-After": f"{self.retry_after:g}"}
            return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)
        answer = self._do(method, given)
        self.changed.set()
        if method.startswith("chat.") and self.faults.strikes(self.faults.lost):
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"ok": "error" not in answer, **answer})

    def _do(self, method: str, given: dict[str, Any]) -> dict[str, Any]:
        match method:
            case "auth.test":
                return {
                    "url": "https://t",
                    "team": "T",
                    "user": "bot",
                    "team_id": "T1",
                    "user_id": "UBOT",
                    "bot_id": "BBOT",
                }
            case "apps.connections.open":
                return {"url": f"ws://127.0.0.1:{self.port}/socket"}
            case "chat.postMessage" | "chat.startStream":
                return self._posted(given, is_streaming=method == "chat.startStream")
            case "chat.appendStream" | "chat.stopStream":
                return self._more(given, is_last=method == "chat.stopStream")
            case "chat.update":
                return self._update(given)
            case "conversations.replies":
                found = [m for m in self.messages if (m.channel, m.thread) == (given["channel"], given["ts"])]
                wanted = [m for m in found if float(m.ts) >= float(given.get("oldest") or 0)]
                return {"messages": [{"ts": m.ts, "text": m.text, "bot_id": "BBOT", "user": "UBOT"} for m in wanted]}
            case "assistant.threads.setStatus":
                return {}
        return {"error": "unknown_method"}

    def _posted(self, given: dict[str, Any], *, is_streaming: bool) -> dict[str, Any]:
        text = _text(given)
        if len(text) > LONGEST:
            return {"error": "msg_too_long"}
        if is_streaming and not (
            given.get("thread_ts") and given.get("recipient_user_id") and given.get("recipient_team_id")
        ):
            return {"error": "invalid_arguments"}
        ts = f"{time.time():.6f}"
        while any(message.ts == ts for message in self.messages):
            ts = f"{float(ts) + 0.000001:.6f}"
        message = Message(given["channel"], given.get("thread_ts") or ts, ts, text, is_streaming, self.now())
        self.messages.append(message)
        return {"channel": message.channel, "ts": ts}

    def _more(self, given: dict[str, Any], *, is_last: bool) -> dict[str, Any]:
        message = self._find(given)
        if message is None:
            return {"error": "message_not_found"}
        if not message.is_streaming or self.now() - message.touched > STREAM_LIFE:
            message.is_streaming = False
            return {"error": "message_not_in_streaming_state"}
        if len(message.text) + len(_text(given)) > LONGEST:
            return {"error": "msg_too_long"}
        message.text += _text(given)
        message.touched = self.now()
        message.is_streaming = not is_last
        return {"channel": message.channel, "ts": message.ts}

    def _update(self, given: dict[str, Any]) -> dict[str, Any]:
        message = self._find(given)
        if message is None:
            return {"error": "message_not_found"}
        if message.is_streaming and self.now() - message.touched <= STREAM_LIFE:
            return {"error": "streaming_state_conflict"}
        if len(_text(given)) > LONGEST:
            return {"error": "msg_too_long"}
        message.text, message.edits = _text(given), message.edits + 1
        return {"channel": message.channel, "ts": message.ts}

    def _find(self, given: dict[str, Any]) -> Message | None:
        return next((m for m in self.messages if (m.channel, m.ts) == (given["channel"], given["ts"])), None)


def _text(given: dict[str, Any]) -> str:
    chunks = given.get("chunks") or []
    chunks = json.loads(chunks) if isinstance(chunks, str) else chunks
    return "".join(chunk.get("text", "") for chunk in chunks) + (given.get("markdown_text") or given.get("text") or "")
