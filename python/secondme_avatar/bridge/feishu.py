"""Feishu and Lark, over ``lark_oapi.channel``: the long connection and the webhook::

    import asyncio
    import os

    from lark_oapi.channel import FeishuChannel

    from secondme_avatar import AvatarClient
    from secondme_avatar.bridge.feishu import attach, serve


    async def main():
        channel = FeishuChannel(app_id=os.environ["FEISHU_APP_ID"], app_secret=os.environ["FEISHU_APP_SECRET"])
        async with AvatarClient(store="feishu.db") as client, attach(channel, client):
            await serve(channel)


    asyncio.run(main())

``pip install lark-oapi==1.7.5``, or the extra ``feishu``, brings what is needed.
"""

# What the SDK gives has no types.
# pyright: basic

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Mapping
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

from .._client import AvatarClient
from .._errors import MisuseError
from ._bridge import Bridge
from ._bucket import Bucket
from ._extras import needed
from ._outlet import (
    Draft,
    DraftExpired,
    IncomingMessage,
    Limits,
    Outlet,
    PlatformUser,
    PostDetails,
    RetryLater,
    Undeliverable,
)

# The SDK's socket runs in the event loop that is there at this import, so it is imported before one runs.
_socket: Any = needed("lark_oapi.ws.client", "feishu")
_tokens: Any = needed("lark_oapi.core.token.manager", "feishu")
_httpx: Any = needed("httpx", "feishu")

__all__ = ["FeishuOutlet", "answer_webhook", "attach", "serve"]

_ACCEPT = 10.0
"""Seconds that the channel's thread waits for a message to be kept. Feishu sends it again after 3 s or more."""
_LATER = {99991400, 230020, 230049, 200810, 11232}
"""Codes of a rate limit."""
_CLOSED = {300309, 200850, 300305, 300311}
"""Codes of a card that takes no pieces any more."""
_GONE = {230002, 230006, 230013, 230027, 230035, 232009}
"""Codes of a chat or a person that the bot cannot reach."""
_SEQUENCE = {300317}
_SIGNED = ("X-Lark-Request-Timestamp", "X-Lark-Request-Nonce", "X-Lark-Signature")
_CONTENTS = 15.0
"""Pieces of cards in a second: an app has 1,000 in a minute. Of all calls it has 50 in a second."""
_ELEMENT = "answer"
_CALL_TIMEOUT = 15.0


def attach(channel: Any, client: AvatarClient, **options: Any) -> Bridge:
    """Makes a ``FeishuChannel`` answer with the avatar: direct messages, and mentions in groups. Call it in the event
    loop that the client is used in, before the channel is connected. Feishu is told that a message has arrived once it
    is in the client's store.

    The channel hands messages to the bridge as they come: its joining of what several people say within 0.6 s, and its
    look-ups of names, which swap messages, are passed by. Other events go to the channel's own handlers.

    :param channel: The channel, with the long connection or ``transport="webhook"``.
    :param client: The client, best with a ``store``.
    :param options: The further keywords of ``Bridge``.
    :returns: The bridge: enter it, or ``start`` it, before the channel.
    """
    if not hasattr(channel, "_on_p2_im_message_receive_v1"):
        raise MisuseError("this lark-oapi has another FeishuChannel: install lark-oapi 1.7.5")
    outlet = FeishuOutlet(channel)
    bridge = Bridge(client, platform="feishu", outlet=outlet, **options)
    outlet.bridge = bridge
    loop = asyncio.get_running_loop()

    def accept(data: Any) -> None:
        """Runs in a thread of the channel's. Feishu's answer follows when it returns."""
        identity = channel.bot_identity
        message = incoming(data, identity.open_id if identity is not None else None)
        if message is None:
            return
        accepted = asyncio.run_coroutine_threadsafe(bridge.receive(message), loop)
        try:
            accepted.result(_ACCEPT)
        except FutureTimeout:
            accepted.cancel()
            raise

    channel._on_p2_im_message_receive_v1 = accept
    return bridge


async def serve(channel: Any) -> None:
    """Runs the channel's long connection until this is cancelled."""
    await channel.start_background(timeout=None)
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.to_thread(channel.stop)


async def answer_webhook(channel: Any, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
    """Takes an event that came by webhook, and returns the status and the body to answer with. The SDK knows its
    headers only as Feishu writes them, and servers hand them on in lower case."""
    written = {name.lower(): name for name in _SIGNED}
    named = {written.get(name.lower(), name): value for name, value in headers.items()}
    status, answer = await channel.handle_webhook_request(named, body)
    return int(status), bytes(answer)


def incoming(data: Any, bot_open_id: str | None) -> IncomingMessage | None:
    """Reads an ``im.message.receive_v1`` event; ``None`` where it is not for the bot."""
    event, header = data.event, data.header
    message, sender = event.message, event.sender
    if sender.sender_type not in (None, "user"):
        return None
    mentions = {mention.key: mention for mention in message.mentions or []}
    is_mentioned = any(mention.id is not None and mention.id.open_id == bot_open_id for mention in mentions.values())
    if message.chat_type != "p2p" and not is_mentioned:
        return None
    text, has_other_parts = _content(message.message_type, message.content)
    for key in sorted(mentions, key=len, reverse=True):
        mention = mentions[key]
        is_bot = mention.id is not None and mention.id.open_id == bot_open_id
        text = text.replace(key, "" if is_bot else f"@{mention.name}")
    address = {"chat": message.chat_id, "message": message.message_id, "group": message.chat_type != "p2p"}
    return IncomingMessage(
        id=message.message_id,
        user=PlatformUser(sender.sender_id.open_id, tenant=header.tenant_key or getattr(sender, "tenant_key", None)),
        address=json.dumps(address),
        text=text.strip(),
        thread=message.thread_id or message.chat_id,
        has_other_parts=has_other_parts,
    )


def _content(kind: str | None, content: str | None) -> tuple[str, bool]:
    """Returns what is said, and whether there is something beside it."""
    try:
        values = json.loads(content or "{}")
    except ValueError:
        return "", True
    if kind == "text":
        return str(values.get("text", "")), False
    if kind != "post":
        return "", True
    post = values if "content" in values else next(iter(values.values()), {})
    parts = [part for line in post.get("content", []) for part in line]
    lines = ["".join(_words(part) for part in line) for line in post.get("content", [])]
    others = any(part.get("tag") in ("img", "media", "emotion") for part in parts)
    return "\n".join(filter(None, [post.get("title", ""), *lines])), others


def _words(part: dict[str, Any]) -> str:
    if part.get("tag") == "at":
        return str(part.get("user_id", ""))  # The key of a mention.
    return str(part.get("text", ""))


class FeishuOutlet(Outlet):
    """Posts to Feishu: cards that grow, made by the card's own calls with the whole text and a rising sequence, and
    text where a card is refused."""

    limits = Limits(max_bytes=25_000, update_interval=0.3, max_age=540.0, calls_per_second=40)
    shows_author = True
    appends = True
    can_open = True

    def __init__(self, channel: Any) -> None:
        self.bridge: Bridge | None = None
        self._config: Any = channel.client.config
        # The SDK's own calls make a connection, and all that TLS needs, anew for each.
        self._http: Any = None
        self.contents = Bucket(_CONTENTS)

    async def post(self, address: str, text: str, details: PostDetails) -> str | None:
        key, owner_name = details.key, details.owner_name
        if details.author == "bridge":
            return await self._send(address, "text", {"text": text}, key)
        try:
            return await self._send(address, "interactive", self.card(text, owner_name), key)
        except Refused:
            return await self._send(address, "text", {"text": f"{owner_name}:\n{text}" if owner_name else text}, key)

    async def open(self, address: str, text: str, details: PostDetails) -> Draft:
        try:
            data = json.dumps(self.card(text, None, is_streamed=True), ensure_ascii=False)
            answer = await self.called("POST", "/cardkit/v1/cards", {"type": "card_json", "data": data})
        except Refused:
            return _Plain(self, address, details.key)
        handle = {"card": answer["card_id"], "at": time.time(), "key": details.key}
        return _Card(self, address, handle)

    async def reopen(self, address: str, handle: str) -> Draft | None:
        found = json.loads(handle)
        if "text" in found:
            return _Plain(self, address, found["text"])
        return _Card(self, address, found, is_streamed=False) if "card" in found else None

    def card(self, text: str, owner_name: str | None, *, is_streamed: bool = False) -> dict[str, Any]:
        """Makes a card of format 2.0."""
        avatar = self.bridge.avatar_name if self.bridge is not None else ""
        title, color = (owner_name, "orange") if owner_name else (avatar, "blue")
        kind = "👤" if owner_name else "AI"
        card: dict[str, Any] = {"schema": "2.0", "config": {"streaming_mode": is_streamed, "update_multi": True}}
        if title:
            card["header"] = {"title": {"tag": "plain_text", "content": title}, "template": color}
        elements = [{"tag": "markdown", "content": text, "element_id": _ELEMENT}]
        elements.append({"tag": "markdown", "content": f"{kind} · {title or avatar}", "element_id": "footer"})
        card["body"] = {"elements": elements if title else elements[:1]}
        return card

    async def _send(self, address: str, kind: str, content: dict[str, Any], key: str) -> str:
        """Sends a message. Feishu takes one of the same ``key`` once within an hour."""
        place = json.loads(address)
        body = {
            "msg_type": kind,
            "content": json.dumps(content, ensure_ascii=False),
            "uuid": hashlib.sha256(key.encode()).hexdigest()[:50],
        }
        if place["group"]:
            answer = await self.called("POST", f"/im/v1/messages/{place['message']}/reply", body)
        else:
            body["receive_id"] = place["chat"]
            answer = await self.called("POST", "/im/v1/messages?receive_id_type=chat_id", body)
        return json.dumps({"message": answer.get("message_id")})

    async def show(self, address: str, card_id: str, key: str) -> None:
        """Sends a card that was made."""
        await self._send(address, "interactive", {"type": "card", "data": {"card_id": card_id}}, key)

    async def called(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Makes a call, and returns its data."""
        token = await asyncio.to_thread(_tokens.TokenManager.get_self_tenant_token, self._config)
        if self._http is None:
            self._http = _httpx.AsyncClient(timeout=_CALL_TIMEOUT)
        url = f"{self._config.domain}/open-apis{path}"
        answer = await self._http.request(method, url, json=body, headers={"Authorization": f"Bearer {token}"})
        if answer.status_code == 429:
            raise RetryLater(
                float(answer.headers.get("retry-after") or answer.headers.get("x-ogw-ratelimit-reset") or 1)
            )
        try:
            said = answer.json()
        except ValueError:
            raise OSError(f"Feishu answered with status {answer.status_code}") from None
        code = said.get("code")
        if code == 0:
            return dict(said.get("data") or {})
        if code in _LATER:
            raise RetryLater(float(answer.headers.get("x-ogw-ratelimit-reset") or 1))
        if code in _CLOSED:
            raise DraftExpired
        if code in _GONE:
            raise Undeliverable(f"Feishu: {code} {said.get('msg')}")
        if answer.status_code >= 500:
            raise OSError(f"Feishu answered with status {answer.status_code}")
        raise Refused(code, f"Feishu: {code} {said.get('msg')}")

    async def close(self) -> None:
        if self._http is not None:
            await self._http.aclose()
            self._http = None


class Refused(Exception):
    """Feishu refused a call with a code of its own."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Card(Draft):
    """A card that grows."""

    def __init__(self, outlet: FeishuOutlet, address: str, found: dict[str, Any], *, is_streamed: bool = True) -> None:
        self._outlet, self._address = outlet, address
        self._id, self._at, self._key = str(found["card"]), float(found["at"]), str(found["key"])
        self._is_streamed = is_streamed
        self._is_shown = False
        self._sequence = 0
        self.handle = json.dumps({"card": self._id, "at": self._at, "key": self._key})

    async def show(self) -> None:
        await self._outlet.show(self._address, self._id, self._key)
        self._is_shown = True

    async def update(self, text: str) -> None:
        if self._is_streamed:
            await self._content(text, urgent=False)
        else:
            await self._outlet.contents.take()
            await self._whole(text)

    async def finish(self, text: str) -> None:
        if not self._is_shown:
            await self.show()
        if not self._is_streamed:
            await self._whole(text)
            return
        await self._content(text, urgent=True)
        settings = json.dumps({"config": {"streaming_mode": False}})
        await self._change("PATCH", f"/cardkit/v1/cards/{self._id}/settings", {"settings": settings})

    async def _whole(self, text: str) -> None:
        """Replaces the card as a whole, which needs no open stream."""
        data = json.dumps(self._outlet.card(text, None), ensure_ascii=False)
        await self._change("PUT", f"/cardkit/v1/cards/{self._id}", {"card": {"type": "card_json", "data": data}})

    async def _content(self, text: str, *, urgent: bool) -> None:
        await self._outlet.contents.take(urgent=urgent)
        await self._change("PUT", f"/cardkit/v1/cards/{self._id}/elements/{_ELEMENT}/content", {"content": text})

    async def _change(self, method: str, path: str, body: dict[str, Any]) -> None:
        # Milliseconds of the card's life rise also across a restart.
        self._sequence = max(self._sequence + 1, int((time.time() - self._at) * 1000))
        try:
            await self._outlet.called(method, path, {**body, "sequence": self._sequence})
        except Refused as error:
            if error.code not in _SEQUENCE:
                raise
            self._sequence += 1000
            await self._outlet.called(method, path, {**body, "sequence": self._sequence})


class _Plain(Draft):
    """A text in the place of a card that was refused: it comes at its end."""

    is_deferred = True

    def __init__(self, outlet: FeishuOutlet, address: str, key: str) -> None:
        self._outlet, self._address, self._key = outlet, address, key
        self.handle = json.dumps({"text": key})

    async def update(self, text: str) -> None:
        """Text messages do not grow: edits of them end silently after 20 to 30."""

    async def finish(self, text: str) -> None:
        await self._outlet._send(self._address, "text", {"text": text}, self._key)
