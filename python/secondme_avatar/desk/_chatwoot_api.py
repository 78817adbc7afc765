"""Chatwoot's API, as far as an agent bot may use it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import httpx

from ._chatwoot_tracker import plain
from ._chatwoot_webhooks import Message, Report, Status, of_record, report

_FIRST_WAIT, _LONGEST_WAIT = 0.25, 30.0
_TOO_MANY = 60.0
"""A conversation takes 200 messages a minute: so long to wait, in seconds."""
_LONGEST_RETRY_AFTER = 300.0
_PAGE = 25
_REMARK = 2


@dataclass(frozen=True)
class ChatwootAccount:
    """An account of Chatwoot, and what the desk may do there."""

    id: int
    """The account's number, which stands in the dashboard's address."""
    bot_token: str = field(repr=False)
    """The agent bot's access token."""
    secrets: tuple[str, ...] = field(repr=False)
    """The secrets that sign webhooks: the agent bot's first, and then the account webhook's."""
    agent_token: str | None = field(default=None, repr=False)
    """An agent's access token, with which messages are read that came while the desk was down. A bot's may not."""
    team: int | None = None
    """The team to which conversations are handed over."""
    agent: int | None = None
    """The agent to whom conversations are handed over."""
    inboxes: frozenset[int] | None = None
    """The inboxes that the desk looks after. Default: those of which Chatwoot tells the bot."""


class ChatwootError(Exception):
    """Chatwoot refused a call, and will refuse it again. The text says what to do, and nothing of what was said."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
        """The HTTP status of the answer."""


class Later(Exception):
    """Chatwoot wants to be asked later: the call was not carried out."""

    def __init__(self, seconds: float | None) -> None:
        super().__init__("Chatwoot wants to be asked later")
        self.seconds = seconds


class Unclear(Exception):
    """Chatwoot did not answer, or failed: the call may have been carried out."""


class ChatwootApi:
    """The calls of one account."""

    def __init__(self, url: str, account: ChatwootAccount, http: httpx.AsyncClient, patience: float) -> None:
        self._base = f"{url.rstrip('/')}/api/v1/accounts/{account.id}"
        self._account = account
        self._http = http
        self._patience = patience
        self._shows_typing = True

    async def post(
        self,
        conversation: int,
        text: str,
        *,
        private: bool,
        source_id: str | None,
        find: Callable[[], Awaitable[int | None]],
    ) -> int:
        """Writes a message, and returns its id.

        :param source_id: A key that the message keeps. Only for the channels of websites and of the API: elsewhere
            Chatwoot takes a message with one for an echo, and does not send it.
        :param find: Looks for the message where it is not clear whether Chatwoot has it.
        """
        values = {"content": text, "message_type": "outgoing", "private": private}
        if source_id is not None:
            values["source_id"] = source_id
        path = f"/conversations/{conversation}/messages"
        answer = await self._retrying(lambda: self._call("POST", path, json=values), find)
        return answer if isinstance(answer, int) else int(answer["id"])

    async def set_status(self, conversation: int, status: Status) -> None:
        """Sets the status. It is not tried again here: it may be another one by then."""
        await self._call("POST", f"/conversations/{conversation}/toggle_status", json={"status": status})

    async def assign(self, conversation: int, **to: int | None) -> None:
        """Assigns to an agent (``assignee_id``) or a team (``team_id``). Like the status it is not tried again here."""
        await self._call("POST", f"/conversations/{conversation}/assignments", json=to)

    async def show_typing(self, conversation: int, is_typing: bool) -> None:
        """Shows that an answer is on its way, which Chatwoot lets bots do since 4.12. An ornament: never raises."""
        if not self._shows_typing:
            return
        values = {"typing_status": "on" if is_typing else "off", "is_private": False}
        try:
            await self._call("POST", f"/conversations/{conversation}/toggle_typing_status", json=values)
        except ChatwootError as error:
            self._shows_typing = error.status != 401
        except (Later, Unclear):
            return

    async def recent(self, conversation: int, since: float) -> tuple[list[Message], int]:
        """Returns the messages since this time (seconds since 1970), oldest first, with the agent's token, and the id
        of Chatwoot's own last remark among them: that something was changed. 0 for none."""
        last_remark = 0
        path, found = f"/conversations/{conversation}/messages", dict[int, Message]()
        before: dict[str, int] = {}
        while True:
            page = await self._retrying(partial(self._read, path, **before))
            payload: list[dict[str, Any]] = page.get("payload") or []
            records = [record for record in payload if record["id"] not in found]
            for record in records:
                message = of_record(record)
                if message is not None and message.at >= since:
                    found[message.id] = message
                elif record.get("message_type") == _REMARK:
                    last_remark = max(last_remark, int(record["id"]))
            if not records or min(_at(record) for record in records) < since:
                return [found[id] for id in sorted(found)], last_remark
            before = {"before": min(record["id"] for record in records)}

    async def conversation(self, number: int) -> Report:
        """Returns how a conversation stands, with the agent's token where there is one, else with the bot's."""
        look = partial(self._call, "GET", f"/conversations/{number}", as_agent=bool(self._account.agent_token))
        return self._reported(await self._retrying(look))

    async def last_message(self, number: int) -> Message | None:
        """Returns the last message of a conversation, with the bot's token."""
        record = await self._retrying(partial(self._call, "GET", f"/conversations/{number}"))
        messages: list[Any] = record.get("messages") or []
        return of_record(messages[-1]) if messages else None

    async def own(
        self, number: int, text: str, source_id: str | None, since: float, *, by_key: bool = False
    ) -> int | None:
        """Looks for a message of the bot's: with the bot's token it can be seen as long as it is the last one.

        :param by_key: Whether the text alone is not enough.
        """
        if self._account.agent_token:
            messages, _ = await self.recent(number, since - 5)
        else:
            try:
                last = await self.last_message(number)
            except (ChatwootError, Later, Unclear):
                return None  # Chatwoot lets bots look since 4.12.
            messages = [last] if last is not None else []
        for message in messages:
            is_named = source_id is not None and message.source_id == source_id
            is_same = not by_key and message.source_id is None and plain(message.text) == plain(text)
            if message.by_bot and message.at >= since - 5 and (is_named or is_same):
                return message.id
        return None

    async def conversations(self, status: Status) -> AsyncIterator[Report]:
        """The conversations in this status, with the agent's token."""
        page = 1
        while True:
            answer = await self._retrying(partial(self._read, "/conversations", status=status, page=page))
            records: list[dict[str, Any]] = answer.get("data", {}).get("payload") or []
            for record in records:
                yield self._reported(record)
            if len(records) < _PAGE:
                return
            page += 1

    def _reported(self, record: object) -> Report:
        values = cast("dict[str, Any]", record) if isinstance(record, dict) else {}
        try:
            found = report({**values, "event": "conversation_updated", "account": {"id": self._account.id}})
        except ValueError:
            found = None
        if found is None:
            raise Unclear("Chatwoot's answer is no conversation")
        return found

    async def _read(self, path: str, **params: Any) -> Any:
        return await self._call("GET", path, params=params, as_agent=True)

    async def _retrying(
        self, call: Callable[[], Awaitable[Any]], find: Callable[[], Awaitable[int | None]] | None = None
    ) -> Any:
        end, wait = time.monotonic() + self._patience, _FIRST_WAIT
        while True:
            try:
                return await call()
            except (Later, Unclear) as error:
                if isinstance(error, Unclear) and find is not None and (found := await find()) is not None:
                    return found
                pause = (error.seconds if isinstance(error, Later) else None) or wait
                if time.monotonic() + pause > end:
                    raise
            wait = min(wait * 2, _LONGEST_WAIT)
            await asyncio.sleep(pause)

    async def _call(
        self, method: str, path: str, *, json: Any = None, params: Any = None, as_agent: bool = False
    ) -> Any:
        token = self._account.agent_token if as_agent else self._account.bot_token
        try:
            answer = await self._request(method, path, json, params, {"api_access_token": token or ""})
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            raise Later(None) from None  # It did not go out.
        except httpx.TransportError as error:
            raise Unclear(f"Chatwoot did not answer: {type(error).__name__}") from None
        status = answer.status_code
        if status == 429:
            raise Later(_retry_after(answer))
        if status >= 500:
            raise Unclear(f"Chatwoot failed with {status}")
        if status == 422 and b"Too many messages" in answer.content:
            raise Later(_TOO_MANY)
        if not 200 <= status < 300:
            raise ChatwootError(self._why(status, as_agent), status)
        try:
            return answer.json() if answer.content else None
        except ValueError:
            raise Unclear("Chatwoot's answer was not JSON") from None

    async def _request(self, method: str, path: str, json: Any, params: Any, headers: dict[str, str]) -> httpx.Response:
        url = self._base + path
        if not self._http.is_closed:
            return await self._http.request(method, url, json=json, params=params, headers=headers)
        # The desk is closing, and says what is under way to its end.
        async with httpx.AsyncClient(timeout=self._http.timeout) as http:
            return await http.request(method, url, json=json, params=params, headers=headers)

    def _why(self, status: int, as_agent: bool) -> str:
        account = f"account {self._account.id} of Chatwoot"
        if status == 401:
            which = "the agent's" if as_agent else "the agent bot's"
            return f"{account} refused {which} token (401): copy {which} access token anew, and give it this account"
        if status == 404:
            return f"{account} has no such conversation, or does not show it to this token (404)"
        if 300 <= status < 400:
            return (
                f"{account} sends the call elsewhere ({status}): give the address that Chatwoot itself has, with https"
            )
        return f"{account} refused the call ({status})"


def _at(record: dict[str, Any]) -> float:
    at = record.get("created_at")
    return float(at) if isinstance(at, int | float) else 0.0


def _retry_after(answer: httpx.Response) -> float | None:
    try:
        return min(max(float(answer.headers.get("retry-after", "")), 0.0), _LONGEST_RETRY_AFTER)
    except ValueError:
        return None
