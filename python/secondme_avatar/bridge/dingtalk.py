"""DingTalk, over dingtalk-stream, with AI cards or plain messages::

    import asyncio
    import os

    from dingtalk_stream import Credential, DingTalkStreamClient

    from secondme_avatar import AvatarClient
    from secondme_avatar.bridge.dingtalk import AI_MARKDOWN_CARD, attach, serve


    async def main():
        credential = Credential(os.environ["DINGTALK_CLIENT_ID"], os.environ["DINGTALK_CLIENT_SECRET"])
        stream = DingTalkStreamClient(credential)
        async with AvatarClient(store="dingtalk.db") as client, attach(stream, client, card=AI_MARKDOWN_CARD):
            await serve(stream)


    asyncio.run(main())

Without ``card`` an answer comes as a whole, which costs one call in the place of about ten: right for the free plan of
10,000 calls a month. ``pip install dingtalk-stream``, or the extra ``dingtalk``, brings what is needed.
"""

# What the SDK gives has no types.
# pyright: basic

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import time
import uuid
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from .._client import AvatarClient
from ._bridge import Bridge
from ._bucket import Bucket
from ._extras import needed
from ._outlet import Draft, IncomingMessage, Limits, Outlet, PlatformUser, PostDetails, RetryLater, Undeliverable

_sdk: Any = needed("dingtalk_stream", "dingtalk")
_utils: Any = needed("dingtalk_stream.utils", "dingtalk")
_http: Any = needed("aiohttp", "dingtalk")

__all__ = ["AI_MARKDOWN_CARD", "DingTalkOutlet", "attach", "serve"]

AI_MARKDOWN_CARD = "382e4302-551d-4880-bf29-a30acfab2e71.schema"
"""The template of an AI card that DingTalk offers to every app, as its SDK names it."""

_CALLS = 15.0
"""Calls in a second. DingTalk allows an organisation 20."""
_FORBIDDEN_WAIT = 2.0
_CALL_TIMEOUT = 15.0
_LONGEST_TITLE = 20
_PACE = 1.0
"""Seconds between two attempts to connect. The SDK waits for nothing after a normal close by the platform."""
_END = 2.0
"""Seconds that the stream client is given to end. One that waits to connect again ends later, with the process."""
_HOST = "dingtalk.com"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_TOO_MANY = {90018, 130101}
"""What a webhook answers to too many posts."""
_GONE = {"staffId.notExisted", "robot.not.exist", "invalidParameter.robotCode", "chatbot.notInGroup"}


def attach(
    stream: Any, client: AvatarClient, *, card: str | None = None, card_key: str | None = None, **options: Any
) -> Bridge:
    """Makes a ``DingTalkStreamClient`` answer with the avatar: direct messages, and mentions in groups, which are all
    that DingTalk sends. Call it in the event loop that the client is used in. DingTalk is told that a message has
    arrived once it is in the client's store.

    :param stream: The stream client. ``serve`` runs it.
    :param client: The client, best with a ``store``.
    :param card: The template of the AI card in which answers grow, such as ``AI_MARKDOWN_CARD``. Without it an answer
        comes as a whole.
    :param card_key: The template's variable for the text. Default: that of ``AI_MARKDOWN_CARD``, and ``content`` of any
        other template.
    :param options: The further keywords of ``Bridge``.
    :returns: The bridge: enter it, or ``start`` it, before the stream client.
    """
    outlet = DingTalkOutlet(stream, card, card_key)
    bridge = Bridge(client, platform="dingtalk", outlet=outlet, **options)
    loop = asyncio.get_running_loop()

    class Handler(_sdk.CallbackHandler):  # type: ignore[misc]
        async def process(self, callback: Any) -> tuple[int, str]:
            message = incoming(callback.data)
            if message is not None:
                # The stream client has an event loop of its own.
                accepted = asyncio.run_coroutine_threadsafe(bridge.receive(message), loop)
                await asyncio.wrap_future(accepted)
            return _sdk.AckMessage.STATUS_OK, "OK"

    stream.register_callback_handler(_sdk.ChatbotMessage.TOPIC, Handler())
    return bridge


async def serve(stream: Any) -> None:
    """Runs the stream client, in a thread of its own: it makes blocking calls, and takes its task's cancellation for a
    lost network. It ends when this is cancelled."""
    connect, last = stream.open_connection, 0.0
    here, ended = asyncio.get_running_loop(), asyncio.Event()
    there: list[asyncio.AbstractEventLoop] = []
    is_over = threading.Event()

    def paced() -> Any:
        nonlocal last
        if is_over.is_set():
            raise KeyboardInterrupt  # What the client takes for its end.
        there[:] = [asyncio.get_running_loop()]
        time.sleep(max(0.0, last + _PACE - time.monotonic()))
        last = time.monotonic()
        return connect()

    def run() -> None:
        try:
            asyncio.run(stream.start())
        finally:
            with suppress(RuntimeError):  # The loop that waits may have ended before.
                here.call_soon_threadsafe(ended.set)

    def close() -> None:
        if stream.websocket is not None:
            closing.append(asyncio.get_running_loop().create_task(stream.websocket.close()))

    closing: list[asyncio.Task[None]] = []
    stream.open_connection = paced
    threading.Thread(target=run, name="dingtalk-stream", daemon=True).start()
    try:
        await ended.wait()
    finally:
        is_over.set()
        for loop in there:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(close)
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(ended.wait(), _END)
        stream.open_connection = connect


def incoming(data: dict[str, Any]) -> IncomingMessage | None:
    """Reads a message of the robot's topic; ``None`` where it has no sender or id."""
    user, id = data.get("senderStaffId") or data.get("senderId"), data.get("msgId")
    if not user or not id:
        return None
    text, has_other_parts = _content(data)
    is_group = data.get("conversationType") == "2"
    address = {
        "group": is_group,
        "conversation": data.get("conversationId"),
        "staff": data.get("senderStaffId"),
        "robot": data.get("robotCode"),
        "webhook": data.get("sessionWebhook"),
        "until": data.get("sessionWebhookExpiredTime") or 0,
    }
    return IncomingMessage(
        id=id,
        user=PlatformUser(
            user, name=data.get("senderNick"), tenant=data.get("senderCorpId") or data.get("chatbotCorpId")
        ),
        address=json.dumps(address),
        text=text.strip(),
        thread=data.get("conversationId"),
        has_other_parts=has_other_parts,
    )


def _content(data: dict[str, Any]) -> tuple[str, bool]:
    """Returns what is said, and whether there is something beside it."""
    content = data.get("content") or {}
    match data.get("msgtype"):
        case "text":
            return str((data.get("text") or {}).get("content") or ""), False
        case "richText":
            parts: list[dict[str, Any]] = content.get("richText") or []
            words = "".join(part["text"] for part in parts if part.get("text"))
            return words, any("text" not in part for part in parts)
        case "audio":
            return str(content.get("recognition") or ""), not content.get("recognition")
        case _:
            return "", True


class DingTalkOutlet(Outlet):
    """Posts to DingTalk: AI cards that grow, else markdown. All calls of the process share one bucket."""

    def __init__(self, stream: Any, card: str | None = None, card_key: str | None = None) -> None:
        self.can_open = card is not None
        self.limits = Limits(
            max_chars=2000 if card is None else 6000, update_interval=1.5, max_updates=8, max_age=540.0
        )
        self._stream = stream
        self._card = card
        self.card_key = card_key or ("msgContent" if card == AI_MARKDOWN_CARD else "content")
        self._bucket = Bucket(_CALLS)
        self._session: Any = None
        self._base: str = _utils.DINGTALK_OPENAPI_ENDPOINT

    async def post(self, address: str, text: str, details: PostDetails) -> str | None:
        if self._card is not None and details.author != "bridge":
            card = _Card(self, address, _id_of(details.key))
            with suppress(Refused):  # Then it is said without a card.
                is_new = await card.create(self._card, text)
                await card.show()
                if not card.is_deferred:
                    if not is_new:
                        # An earlier process may have made it with the first words of the text.
                        await card.finish(text)
                    return card.handle
        await self.say(address, text)
        return None

    async def say(self, address: str, text: str) -> None:
        """Posts a message without a card."""
        place = json.loads(address)
        title = " ".join(text.split())[:_LONGEST_TITLE]
        if place["webhook"] and place["until"] > time.time() * 1000 and _is_of_dingtalk(place["webhook"], self._base):
            body = {"msgtype": "markdown", "markdown": {"title": title, "text": text}}
            answer = await self._made("POST", place["webhook"], body, {})
            if answer.get("errcode") in _TOO_MANY:
                raise RetryLater(_FORBIDDEN_WAIT)
            if answer.get("errcode", 0) == 0:
                return
        # The webhook is good for some time after the person has written; the robot's own call always.
        message = {"robotCode": place["robot"], "msgKey": "sampleMarkdown"}
        message["msgParam"] = json.dumps({"title": title, "text": text}, ensure_ascii=False)
        if place["group"]:
            path, where = "/v1.0/robot/groupMessages/send", {"openConversationId": place["conversation"]}
        else:
            path, where = "/v1.0/robot/oToMessages/batchSend", {"userIds": [place["staff"]]}
        await self.called("POST", path, {**message, **where}, urgent=True)

    async def open(self, address: str, text: str, details: PostDetails) -> Draft:
        card = _Card(self, address, _id_of(details.key))
        try:
            await card.create(str(self._card), text, is_growing=True)
        except Refused:
            # A template that is not there: the answer comes as a whole.
            return _Plain(self, address, details.key)
        return card

    async def reopen(self, address: str, handle: str) -> Draft | None:
        found = json.loads(handle)
        return (
            _Card(self, address, found["card"], is_known=True)
            if "card" in found
            else _Plain(self, address, found["text"])
        )

    async def called(self, method: str, path: str, body: dict[str, Any], *, urgent: bool = False) -> dict[str, Any]:
        """Makes a call of the open API, and returns its answer."""
        token = await asyncio.to_thread(self._stream.get_access_token)
        if not token:
            raise OSError("DingTalk gave no access token: look at the client id, the secret and the network")
        headers = {"x-acs-dingtalk-access-token": token}
        return await self._made(method, self._base + path, body, headers, urgent=urgent)

    async def _made(
        self, method: str, url: str, body: dict[str, Any], headers: dict[str, str], *, urgent: bool = True
    ) -> dict[str, Any]:
        if self._session is None:
            self._session = _http.ClientSession(timeout=_http.ClientTimeout(total=_CALL_TIMEOUT))
        await self._bucket.take(urgent=urgent)
        async with self._session.request(method, url, json=body, headers=headers) as answer:
            try:
                said = json.loads(await answer.text() or "{}")
            except ValueError:
                said = {}
        code, status = str(said.get("code", "")), answer.status
        if status == 429 or (status == 403 and "throttling" in code.lower()) or "qps" in code.lower():
            wait = float(answer.headers.get("retry-after") or _FORBIDDEN_WAIT)
            self._bucket.pause(wait)
            raise RetryLater(wait)
        if status >= 500:
            raise OSError(f"DingTalk answered with status {status}")
        if code in _GONE:
            raise Undeliverable(f"DingTalk: {code}")
        if status >= 400:
            if status == 401:
                self._stream.reset_access_token()
                raise OSError("DingTalk refused the access token")
            raise Refused(f"DingTalk: {status} {code} {said.get('message', '')}")
        return dict(said)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


class Refused(Exception):
    """DingTalk refused a call."""


class _Card(Draft):
    """An AI card. Its id comes from the message's, so that it is the same after a restart."""

    def __init__(self, outlet: DingTalkOutlet, address: str, id: str, *, is_known: bool = False) -> None:
        self._outlet, self._address, self._id = outlet, address, id
        self._place: dict[str, Any] = json.loads(address)
        self._is_shown = self._is_inputting = False
        self._may_be_shown = is_known
        self.handle = json.dumps({"card": id})

    async def create(self, template: str, text: str, *, is_growing: bool = False) -> bool:
        """Makes the card, which people do not see yet, with its first text or the whole. Returns whether it is new."""
        body: dict[str, Any] = {"cardTemplateId": template, "outTrackId": self._id, "callbackType": "STREAM"}
        body["cardData"] = {"cardParamMap": self._data("2" if is_growing else "3", text)}
        self._is_inputting = is_growing
        body |= {"imGroupOpenSpaceModel": {"supportForward": True}, "imRobotOpenSpaceModel": {"supportForward": True}}
        try:
            await self._outlet.called("POST", "/v1.0/card/instances", body)
            return True
        except Refused as error:
            if "exist" not in str(error).lower() or "template" in str(error).lower():
                raise
            # A call has made it whose answer was lost, and another one may have shown it.
            self._may_be_shown = True
            return False

    async def show(self) -> None:
        body: dict[str, Any] = {"outTrackId": self._id, "userIdType": 1}
        if self._place["group"]:
            body["openSpaceId"] = f"dtv1.card//IM_GROUP.{self._place['conversation']}"
            body["imGroupOpenDeliverModel"] = {"robotCode": self._place["robot"]}
        else:
            body["openSpaceId"] = f"dtv1.card//IM_ROBOT.{self._place['staff']}"
            body["imRobotOpenDeliverModel"] = {"spaceType": "IM_ROBOT"}
        try:
            answer = await self._outlet.called("POST", "/v1.0/card/instances/deliver", body, urgent=True)
            # DingTalk says in an answer of status 200 where the card cannot be shown. Then the text is a message.
            self.is_deferred = not _is_delivered(answer)
        except Refused:
            if not self._may_be_shown:
                raise  # Else a call has done it whose answer was lost.
        except RetryLater:
            raise
        except Exception:
            self._may_be_shown = True
            raise
        self._is_shown = True

    async def update(self, text: str) -> None:
        if self.is_deferred:
            return
        if not self._is_inputting:
            await self._put("2", text, urgent=False)
            self._is_inputting = True
            return
        body: dict[str, Any] = {"outTrackId": self._id, "guid": str(uuid.uuid4()), "key": self._outlet.card_key}
        body |= {"content": text, "isFull": True, "isFinalize": False, "isError": False}
        await self._outlet.called("PUT", "/v1.0/card/streaming", body)

    async def finish(self, text: str) -> None:
        if not self._is_shown:
            await self.show()
        if self.is_deferred:
            await self._outlet.say(self._address, text)
        else:
            await self._put("3", text, urgent=True)

    async def _put(self, status: str, text: str, *, urgent: bool) -> None:
        body = {"outTrackId": self._id, "cardData": {"cardParamMap": self._data(status, text)}}
        await self._outlet.called("PUT", "/v1.0/card/instances", body, urgent=urgent)

    def _data(self, status: str, text: str) -> dict[str, str]:
        """What the card shows."""
        key = self._outlet.card_key
        data = {"flowStatus": status, key: text}
        if key == "msgContent":  # DingTalk's general template.
            order = json.dumps({"order": ["msgTitle", "msgContent", "staticMsgContent"]})
            data |= {"staticMsgContent": "", "sys_full_json_obj": order}
        return data


class _Plain(Draft):
    """A message in the place of a card that was refused: it comes at its end."""

    is_deferred = True

    def __init__(self, outlet: DingTalkOutlet, address: str, key: str) -> None:
        self._outlet, self._address = outlet, address
        self.handle = json.dumps({"text": key})

    async def update(self, text: str) -> None:
        """A message does not grow."""

    async def finish(self, text: str) -> None:
        await self._outlet.say(self._address, text)


def _id_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _is_delivered(answer: dict[str, Any]) -> bool:
    """Whether a delivery that was not refused as a whole has succeeded: there is a result for each place."""
    found = answer.get("result")
    results: Any = found.get("deliverResults") if isinstance(found, dict) else found
    places = results if isinstance(results, list) else []
    return all(place.get("success") is not False for place in places if isinstance(place, dict))


def _is_of_dingtalk(url: str, endpoint: str) -> bool:
    """Whether it is safe to post what people say there. A DingTalk on loopback, for tests, has webhooks there."""
    host = urlsplit(url).hostname or ""
    is_local = host in _LOOPBACK and urlsplit(endpoint).hostname in _LOOPBACK
    return is_local or host == _HOST or host.endswith(f".{_HOST}")
