"""Slack, over slack-bolt: HTTP, Socket Mode and the Assistant's pane::

    import asyncio
    import os

    from slack_bolt.async_app import AsyncApp

    from secondme_avatar import AvatarClient
    from secondme_avatar.bridge.slack import attach, serve


    async def main():
        app = AsyncApp(token=os.environ["SLACK_BOT_TOKEN"])
        async with AvatarClient(store="slack.db") as client, attach(app, client):
            await serve(app, app_token=os.environ["SLACK_APP_TOKEN"])


    asyncio.run(main())

``pip install slack-bolt aiohttp``, or the extra ``slack``, brings what is needed.
"""

# What the SDK gives has no types.
# pyright: basic

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from typing import Any

from .._client import AvatarClient
from ._bridge import Bridge
from ._extras import needed
from ._outlet import (
    Draft,
    DraftExpired,
    IncomingMessage,
    Limits,
    Outlet,
    PlatformUser,
    PostDetails,
    PostedMessage,
    RetryLater,
    Undeliverable,
)

_errors: Any = needed("slack_sdk.errors", "slack")
_web: Any = needed("slack_sdk.web.async_client", "slack")
_bolt: Any = needed("slack_bolt", "slack")
_assistant: Any = needed("slack_bolt.middleware.assistant.async_assistant", "slack")

__all__ = ["SlackOutlet", "attach", "serve"]

_EXPIRED = {"message_not_in_streaming_state", "streaming_state_conflict", "stream_expired"}
_GONE = {
    "account_inactive",
    "cannot_reply_to_message",
    "channel_not_found",
    "is_archived",
    "message_not_found",
    "not_in_channel",
    "thread_not_found",
    "token_revoked",
    "user_not_found",
}
_WORDS = {None, "file_share", "thread_broadcast"}
"""The subtypes of messages in which a person says something."""


def attach(app: Any, client: AvatarClient, **options: Any) -> Bridge:
    """Makes a Bolt ``AsyncApp`` answer with the avatar: direct messages, mentions in channels, and the Assistant's
    pane. Slack is told that an event has arrived once it is in the client's store.

    Answers come in a thread, which is what Slack can stream into: of the message itself, or the one it stands in.

    :param app: The app, with its token. Listeners of your own, added before, see the messages that are not for the bot.
    :param client: The client, best with a ``store``.
    :param options: The further keywords of ``Bridge``.
    :returns: The bridge: enter it, or ``start`` it, before the app.
    """
    outlet = SlackOutlet(app.client)
    bridge = Bridge(client, platform="slack", outlet=outlet, **options)

    async def accept(body: dict[str, Any], context: Any, next: Any) -> Any:
        message = incoming(body, context.get("bot_user_id"))
        if message is None:
            return await next()
        if await bridge.receive(message):
            outlet.show_typing(message.address)
        return _bolt.BoltResponse(status=200, body="")

    app.middleware(accept)
    assistant = _assistant.AsyncAssistant()
    assistant.thread_started(_stay_silent)
    app.assistant(assistant)
    # Slack delivers again what no listener takes.
    app.event("message")(_stay_silent)
    return bridge


async def serve(app: Any, *, app_token: str | None = None, port: int = 3000, path: str = "/slack/events") -> None:
    """Runs the app until this is cancelled.

    :param app: The app.
    :param app_token: The app-level token, ``xapp-…``: with it in Socket Mode, else over HTTP.
    :param port: Where HTTP is listened to, behind a proxy that speaks TLS.
    :param path: The path of the events' request URL.
    """
    if app_token:
        handler = needed("slack_bolt.adapter.socket_mode.async_handler", "slack").AsyncSocketModeHandler(app, app_token)
        await handler.connect_async()
        try:
            await asyncio.Event().wait()
        finally:
            await handler.close_async()
    web = needed("aiohttp.web", "slack")
    runner = web.AppRunner(app.web_app(path=path))
    await runner.setup()
    try:
        await web.TCPSite(runner, port=port).start()
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


async def _stay_silent(event: dict[str, Any]) -> None:
    """Not every event is for the bot. The Assistant's pane stays empty until the person writes: the key's quota is for
    those who do."""


def incoming(body: dict[str, Any], bot_user_id: str | None = None) -> IncomingMessage | None:
    """Reads an event of Slack; ``None`` where it is not for the bot."""
    event = body.get("event") or {}
    is_direct = event.get("type") == "message" and event.get("channel_type") == "im"
    if body.get("type") != "event_callback" or not (is_direct or event.get("type") == "app_mention"):
        return None
    if event.get("subtype") not in _WORDS or event.get("bot_id") or not event.get("user") or not event.get("ts"):
        return None
    authorizations = body.get("authorizations") or [{}]
    bot_user_id = bot_user_id or authorizations[0].get("user_id")
    team = event.get("team") or body.get("team_id")
    thread = event.get("thread_ts") or event["ts"]
    address = {"channel": event["channel"], "thread": thread, "team": team, "user": event["user"]}
    return IncomingMessage(
        id=body.get("event_id") or f"{event['channel']}/{event['ts']}",
        user=PlatformUser(event["user"], tenant=team),
        address=json.dumps(address),
        text=_readable(event.get("text") or "", bot_user_id),
        thread=f"{event['channel']}.{thread}",
        has_other_parts=bool(event.get("files")),
    )


def _readable(text: str, bot_user_id: str | None) -> str:
    """Returns what a person has written, without Slack's marks."""
    if bot_user_id:
        text = re.sub(rf"<@{re.escape(bot_user_id)}(\|[^>]*)?>", "", text)
    text = re.sub(r"<((?:https?:|mailto:|tel:)[^|>]+)(?:\|([^>]*))?>", _link, text)
    text = re.sub(r"<[@#!][^|>]+\|([^>]+)>", r"\1", text)
    text = re.sub(r"<([@#])([A-Z0-9]+)>", r"\1\2", text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").strip()


def _link(found: re.Match[str]) -> str:
    """Returns a link as it was written: Slack makes one of an address without ``https://`` too."""
    address, label = found[1], found[2]
    if label is None:
        return address.removeprefix("mailto:").removeprefix("tel:")
    return label if address.endswith(label) else f"{label} ({address})"


class SlackOutlet(Outlet):
    """Posts to Slack with a web client: streams, and ``chat.update`` where a stream takes nothing more."""

    limits = Limits(max_chars=11_000, update_interval=1.0, max_age=240.0)
    appends = True
    can_open = True
    can_tell_recent = True

    def __init__(self, client: Any) -> None:
        # The client's own retries would post twice where an answer is lost; the bridge looks first.
        self._client: Any = _web.AsyncWebClient(
            client.token,
            base_url=client.base_url,
            timeout=client.timeout,
            ssl=client.ssl,
            proxy=client.proxy,
            trust_env_in_session=client.trust_env_in_session,
            retry_handlers=[],
        )
        self._typing: set[asyncio.Task[None]] = set()

    async def post(self, address: str, text: str, details: PostDetails) -> str | None:
        place = json.loads(address)
        answer = await _called(
            self._client.chat_postMessage(channel=place["channel"], thread_ts=place["thread"], markdown_text=text)
        )
        return json.dumps({"channel": answer["channel"], "ts": answer["ts"]})

    async def open(self, address: str, text: str, details: PostDetails) -> Draft:
        place = json.loads(address)
        stream = await self._client.chat_stream(
            buffer_size=1,
            channel=place["channel"],
            thread_ts=place["thread"],
            recipient_team_id=place["team"],
            recipient_user_id=place["user"],
        )
        await _called(stream.append(markdown_text=text))
        return _Streamed(stream, place["channel"], text)

    async def reopen(self, address: str, handle: str) -> Draft | None:
        found = json.loads(handle)
        return _Edited(self._client, found["channel"], found["ts"])

    async def recent(self, address: str, since: float) -> list[PostedMessage]:
        place = json.loads(address)
        calls = self._client.conversations_replies
        found: list[PostedMessage] = []
        cursor = None
        while True:
            try:
                page = await _called(
                    calls(channel=place["channel"], ts=place["thread"], oldest=f"{since - 1:.6f}", cursor=cursor)
                )
            except _errors.SlackApiError as error:
                if error.response.get("error") == "missing_scope":
                    return []
                raise
            for message in page.get("messages", []):
                if message.get("bot_id") and float(message["ts"]) >= since - 1:
                    handle = json.dumps({"channel": place["channel"], "ts": message["ts"]})
                    found.append(PostedMessage(handle, _readable(message.get("text") or "", None)))
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return found

    def show_typing(self, address: str) -> None:
        """Shows that an answer is on its way, where the app may."""
        place = json.loads(address)

        async def show() -> None:
            call = self._client.assistant_threads_setStatus
            try:
                await call(channel_id=place["channel"], thread_ts=place["thread"], status="is typing…")
            except Exception:
                return  # It is an ornament, and needs the scope assistant:write.

        task = asyncio.create_task(show())
        self._typing.add(task)
        task.add_done_callback(self._typing.discard)

    async def close(self) -> None:
        await asyncio.gather(*self._typing)


class _Streamed(Draft):
    """A message that is streamed."""

    def __init__(self, stream: Any, channel: str, text: str) -> None:
        self._stream = stream
        self._given = text
        self.handle = json.dumps({"channel": channel, "ts": stream.ts})

    async def update(self, text: str) -> None:
        await self._more(self._stream.append, text)

    async def finish(self, text: str) -> None:
        await self._more(self._stream.stop, text)

    async def _more(self, call: Any, text: str) -> None:
        # What a refused call was given stays in the stream's buffer, and goes out with the next one.
        new, self._given = text[len(self._given) :], text
        try:
            await _called(call(markdown_text=new))
        except (RetryLater, DraftExpired, Undeliverable, _errors.SlackApiError):
            raise
        except Exception as error:
            # It may have been taken, and would be said twice: the message is written anew as a whole.
            raise DraftExpired from error


class _Edited(Draft):
    """A message that is written anew with each update."""

    def __init__(self, client: Any, channel: str, ts: str) -> None:
        self._client, self._channel, self._ts = client, channel, ts
        self._is_stopped = False
        self.handle = json.dumps({"channel": channel, "ts": ts})

    async def update(self, text: str) -> None:
        await self._write(text)

    async def finish(self, text: str) -> None:
        await self._write(text)

    async def _write(self, text: str) -> None:
        if not self._is_stopped:
            with suppress(DraftExpired, _errors.SlackApiError):  # It was no stream, or has ended.
                await _called(self._client.chat_stopStream(channel=self._channel, ts=self._ts))
            self._is_stopped = True
        await _called(self._client.chat_update(channel=self._channel, ts=self._ts, markdown_text=text))


async def _called(call: Any) -> Any:
    """Makes a call, and says in the bridge's words what went wrong."""
    try:
        return await call
    except _errors.SlackApiError as error:
        answer = error.response
        if isinstance(answer, str):
            raise OSError("Slack's answer was not JSON") from error
        code = answer.get("error")
        if getattr(answer, "status_code", 200) == 429 or code in ("ratelimited", "rate_limited"):
            headers = {name.lower(): value for name, value in (getattr(answer, "headers", None) or {}).items()}
            raise RetryLater(float(headers.get("retry-after") or 1)) from error
        if code in _EXPIRED:
            raise DraftExpired from error
        if code in _GONE:
            raise Undeliverable(f"Slack: {code}") from error
        raise
