"""Chatwoot: the avatar is the agent bot of an inbox, and the agents are the desk's operators::

    from secondme_avatar import AvatarClient
    from secondme_avatar.desk import Desk
    from secondme_avatar.desk.chatwoot import ChatwootAccount, ChatwootConnector

    account = ChatwootAccount(id=1, bot_token="…", secrets=("the bot's secret", "the webhook's secret"))
    connector = ChatwootConnector("https://chat.example.com", [account])
    desk = Desk(AvatarClient(store="desk.db"), platform="chatwoot", connector=connector)

``connector`` is an ASGI app as well: mount it where Chatwoot's webhooks go (``app.mount("/chatwoot", connector)``), and
run ``async with desk`` while the app runs. What to click in Chatwoot stands in ``docs/desk.md``.

``pip install httpx``, or the extra ``chatwoot``, brings what is needed. It was tried with a fake that an independent
client of Chatwoot checks; no Chatwoot was at hand.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import replace
from typing import Any, Literal, TypeVar

from .._error import AvatarError
from .._errors import MisuseError
from ..bridge import Limits, RetryLater, Undeliverable
from ._connector import Connector, ConversationView, Post
from ._desk import Desk
from ._states import State

try:
    import httpx
except ImportError as missing:
    if missing.name != "httpx":
        raise
    raise ImportError("`secondme_avatar.desk.chatwoot` needs httpx: pip install httpx", name="httpx") from missing

from ._chatwoot_api import ChatwootAccount, ChatwootApi, ChatwootError, Later
from ._chatwoot_catch_up import CatchUp
from ._chatwoot_options import check_account, check_url, of_environment
from ._chatwoot_telling import tell_change, tell_message
from ._chatwoot_tracker import Tracked, change_of
from ._chatwoot_webhooks import LONGEST_BODY, Receive, Report, Status, body_of, report, signer

__all__ = ["ChatwootAccount", "ChatwootConnector", "ChatwootError"]

_log = logging.getLogger("secondme_avatar.desk.chatwoot")

_TOLERANCE = 300.0
_ANSWER = 4.0
"""Chatwoot waits 5 s for an answer, and then leaves the conversation to its agents."""
_LOOK = 5.0
"""How long the report of a message is waited for, where it is not clear whether Chatwoot has it, in seconds."""
_FRESH = 120.0
"""How long after the start a message may have been written by an earlier process, in seconds."""
_CATCH_UP = 24 * 60 * 60.0
_MOST_TRACKED = 20_000
"""Of an older conversation, what the desk has kept is known."""
_SOURCED = ("Channel::WebWidget", "Channel::Api")
_TIMEOUT = 15.0
_MOMENT = 1e-5
_AGAIN = 1.0
"""After how long a call is made again, where Chatwoot does not say, in seconds."""

_STATUS_OF: dict[State, Status] = {"bot": "pending", "waiting": "open", "person": "open", "closed": "resolved"}

T = TypeVar("T")
Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class ChatwootConnector(Connector):
    """The desk at Chatwoot, for one account or several. It is an ASGI app that takes Chatwoot's webhooks."""

    limits = Limits(max_chars=4000)

    def __init__(
        self,
        url: str,
        accounts: Iterable[ChatwootAccount],
        *,
        taken_by: Literal["assignment", "reply"] = "assignment",
        patience: float = 60.0,
        catch_up: float = _CATCH_UP,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        """A connector that is not started yet: the desk does so.

        :param url: Chatwoot's address, such as ``https://chat.example.com``.
        :param accounts: What is looked after.
        :param taken_by: What makes a conversation an agent's: that it is assigned to them, or their first reply. With
            Chatwoot's automatic assignment, ``reply``.
        :param patience: How long one call is tried again, in seconds; the desk tries again after that. Default: 60.
        :param catch_up: How old messages may be that are read at the start, in seconds, where an account has an
            ``agent_token``. Default: 1 day.
        :param http: A client of your own, for proxies or certificates. It is not closed.
        """
        check_url(url)
        self._accounts = {account.id: account for account in accounts}
        if not self._accounts:
            raise MisuseError("`accounts` is empty: give the account of Chatwoot that the desk looks after")
        for account in self._accounts.values():
            check_account(account)
        if taken_by not in ("assignment", "reply"):
            raise MisuseError(f"`taken_by` is {taken_by!r}: pass 'assignment' or 'reply'")
        self._assigned_is_taken = taken_by == "assignment"
        self._catch_up = catch_up
        self._own_http = http is None
        self._http = http or httpx.AsyncClient(timeout=_TIMEOUT)
        self._apis = {
            account.id: ChatwootApi(url, account, self._http, patience) for account in self._accounts.values()
        }
        self._secrets = [
            ((account.id, place == 0), secret)
            for account in self._accounts.values()
            for place, secret in enumerate(account.secrets)
        ]
        self._tracked: dict[str, Tracked] = {}
        self._with_bot: dict[int, set[int]] = {account: set() for account in self._accounts}
        """Each account's inboxes of which the bot was told: elsewhere it is not connected."""
        self._desk: Desk | None = None
        self._began = 0.0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._catching: list[asyncio.Task[Any]] = []

    @classmethod
    def from_environment(cls, values: Mapping[str, str] | None = None, **options: Any) -> ChatwootConnector:
        """Makes a connector of one account from the variables ``CHATWOOT_URL``, ``CHATWOOT_ACCOUNT``,
        ``CHATWOOT_BOT_TOKEN``, ``CHATWOOT_BOT_SECRET``, and where they are set ``CHATWOOT_WEBHOOK_SECRET``,
        ``CHATWOOT_AGENT_TOKEN``, ``CHATWOOT_TEAM``, ``CHATWOOT_AGENT`` and ``CHATWOOT_INBOXES`` (numbers, with commas).

        :raises MisuseError: where one is missing, or is no number.
        """
        url, account = of_environment(os.environ if values is None else values)
        return cls(url, [account], **options)

    # What the desk asks.

    async def start(self, desk: Desk) -> None:
        for account, inboxes in self._with_bot.items():
            if kept := await desk.remembered(f"chatwoot/{account}/inboxes"):
                inboxes.update(int(one) for one in kept.split(","))
                # Kept for as long again.
                await desk.remember(f"chatwoot/{account}/inboxes", kept)
        self._desk = desk
        self._began = time.time()
        self._catching = [self._spawn(self._caught_up(account, desk)) for account in self._accounts.values()]

    async def catch_up(self) -> None:
        if self._catching:
            # Unlike `gather`, it does not end them where the desk waits no longer.
            await asyncio.wait(self._catching)

    async def post(self, conversation: str, post: Post) -> str | None:
        return await self._written(conversation, post.text, post.key, private=False)

    async def note(self, conversation: str, text: str, key: str) -> None:
        await self._written(conversation, text, key, private=True)

    async def show_state(self, view: ConversationView) -> None:
        account, number = self._place(view.conversation)
        tracked = self._known(view.conversation)
        async with tracked.showing:
            await self._show(account, number, tracked, view)

    async def _show(self, account: ChatwootAccount, number: int, tracked: Tracked, view: ConversationView) -> None:
        api = self._apis[account.id]
        if tracked.status is None:
            # What agents have done while the desk was down comes before what the desk has kept.
            await self._look(account, number)
            view = (self._desk.view(view.conversation) if self._desk is not None else None) or view
        known, agent = tracked.status, tracked.agent
        await self._show_status(api, number, tracked, _STATUS_OF[view.state])
        if view.state == "bot" and (known is None or agent is not None):
            await _answered(api.assign(number, assignee_id=0))
        if view.state == "waiting" and agent is None:
            if account.team is not None:
                await _answered(api.assign(number, team_id=account.team))
            if account.agent is not None:
                tracked.give()
                await _answered(api.assign(number, assignee_id=account.agent))

    async def _show_status(self, api: ChatwootApi, number: int, tracked: Tracked, status: Status) -> None:
        if tracked.status == status:
            return
        # Its report is known for the connector's own.
        tracked.ask(status)
        try:
            await _answered(api.set_status(number, status))
        except BaseException:
            tracked.give_up(status)
            raise
        tracked.status = status

    async def _look(self, account: ChatwootAccount, number: int) -> None:
        """Reads how a conversation stands, where Chatwoot shows it, and tells the desk."""
        if self._desk is None:
            return
        try:
            found = await _answered(self._apis[account.id].conversation(number))
        except Undeliverable:
            return  # Chatwoot lets bots look since 4.12.
        await self._told(account, found)

    async def typing(self, conversation: str, is_typing: bool) -> None:
        account, number = self._place(conversation)
        await self._apis[account.id].show_typing(number, is_typing)

    def let_go(self, conversation: str) -> None:
        if (tracked := self._tracked.get(conversation)) is not None:
            tracked.own.clear()

    async def close(self) -> None:
        self._desk = None
        for task in self._catching:
            task.cancel()
        if self._tasks:
            # What has begun is kept, or Chatwoot is told that it is not.
            _, late = await asyncio.wait(self._tasks, timeout=_ANSWER)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if self._own_http:
            await self._http.aclose()

    # What Chatwoot tells.

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Takes a webhook: an ASGI app."""
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": f"{message['type']}.complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        if scope["type"] != "http":
            raise RuntimeError("Chatwoot's webhooks come over HTTP alone")
        status, why = await self._answer(scope, receive)
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        if status == 405:
            headers.append((b"allow", b"POST"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        body = {"error": why} if why else {}
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, str]:
        if scope["method"] != "POST":
            return 405, "a webhook is a POST"
        body = await body_of(receive)
        if body is None:
            return 413, f"a webhook has at most {LONGEST_BODY} bytes"
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        signed_by = signer(self._secrets, headers, body, time.time(), _TOLERANCE)
        if signed_by is None:
            return 401, "the signature is missing, wrong or too old: see the secrets of the agent bot and the webhook"
        try:
            found = report(json.loads(body))
        except (ValueError, RecursionError) as error:
            _log.warning("a webhook of account %s cannot be read: %s", signed_by[0], type(error).__name__)
            return 400, "the body is not a webhook of Chatwoot"
        if found is None:
            return 200, ""
        if found.account not in (None, signed_by[0]):
            return 401, "the secret is of another account"
        account, is_to_bot = self._accounts[signed_by[0]], signed_by[1]
        telling = self._spawn(self._told(account, found, is_to_bot=is_to_bot))
        try:
            # What has begun is brought to its end; Chatwoot sends it again meanwhile, and it is known by its id.
            await asyncio.wait_for(asyncio.shield(telling), _ANSWER)
        except asyncio.CancelledError:
            if not telling.cancelled():
                raise
        except AvatarError as error:
            _log.warning("a webhook could not be kept: %s", error)
        except asyncio.TimeoutError:
            _log.warning("a webhook could not be kept in time")
        else:
            return 200, ""
        # Chatwoot repeats a webhook after 429 and 500 only.
        return 500, "try again"

    async def _told(self, account: ChatwootAccount, found: Report, *, is_to_bot: bool = False) -> None:
        """Tells the desk what a report says.

        :param is_to_bot: Whether Chatwoot has told it to the bot, and not to the account's webhook.
        """
        desk = self._desk
        if desk is None:
            raise MisuseError("the desk is not started, or closed: enter it, or call `start`, before the webhooks come")
        if account.inboxes is not None and found.inbox not in account.inboxes:
            return
        if is_to_bot and found.inbox not in self._with_bot[account.id]:
            await self._met_bot(desk, account, found.inbox)
        conversation = f"{account.id}/{found.conversation}"
        tracked = self._known(conversation)
        message = found.message
        async with tracked.lock:
            tracked.channel = found.channel or tracked.channel
            if message is not None and message.by_bot:
                tracked.hear(message)
            if message is not None and message.agent is not None:
                tracked.asked.clear()
            state = found
            if await desk.find(conversation) is None:
                if not self._begins(account, found, is_to_bot=is_to_bot):
                    tracked.came_early(found)
                    return
                state = tracked.newest(found)
            # Before the message: what it was written under counts.
            await self._changed(desk, conversation, tracked, state)
            if message is not None:
                reply_takes = not self._assigned_is_taken
                await tell_message(desk, conversation, found, message, reply_takes=reply_takes)

    def _begins(self, account: ChatwootAccount, found: Report, *, is_to_bot: bool) -> bool:
        """Whether the desk looks after a conversation from this report on: what agents have without it stays theirs."""
        if is_to_bot and found.message is not None and found.message.kind == "incoming":
            return True
        return found.status == "pending" and self._is_ours(account, found)

    def _is_ours(self, account: ChatwootAccount, found: Report) -> bool:
        """Whether the bot is connected to this inbox, as far as is known."""
        return found.inbox in (self._with_bot[account.id] if account.inboxes is None else account.inboxes)

    async def _met_bot(self, desk: Desk, account: ChatwootAccount, inbox: int) -> None:
        inboxes = self._with_bot[account.id]
        inboxes.add(inbox)
        try:
            await desk.remember(f"chatwoot/{account.id}/inboxes", ",".join(str(one) for one in sorted(inboxes)))
        except BaseException:
            inboxes.discard(inbox)
            raise

    async def _changed(self, desk: Desk, conversation: str, tracked: Tracked, found: Report) -> None:
        """Tells the desk what has changed of a conversation."""
        view = await desk.find(conversation)
        change, is_kept = change_of(
            tracked, found, view, assigned_is_taken=self._assigned_is_taken, waits_for=self._waits_for(conversation)
        )
        if change is not None and (view is not None or change in ("taken", "queued")):
            await tell_change(desk, conversation, change, found, view)
        if is_kept:
            # Not before the desk has kept it: the report may come again.
            tracked.note(found)
        if (deferred := tracked.arrived(found)) is not None:
            await self._changed(desk, conversation, tracked, deferred)

    async def _caught_up(self, account: ChatwootAccount, desk: Desk) -> None:
        """Reads what came while the desk was down: with an agent's token all of it, else who has which conversation."""

        async def tell(found: Report) -> None:
            await self._told(account, found)

        async def end(found: Report) -> None:
            # An agent's message has taken the conversation, but the agent may have given it back since.
            tracked = self._known(f"{account.id}/{found.conversation}")
            if found.updated_at < tracked.updated_at and tracked.status is not None:
                found = replace(found, status=tracked.status, agent=tracked.agent, updated_at=tracked.updated_at)
            if found.status == "pending":
                tracked.status = None
            # A moment later, so that its id is another one than before the messages.
            await self._told(account, replace(found, updated_at=found.updated_at + _MOMENT))

        async def is_ours(found: Report) -> bool:
            return self._is_ours(account, found) or await desk.find(f"{account.id}/{found.conversation}") is not None

        catching = CatchUp(
            self._apis[account.id],
            is_ours=is_ours,
            tell=tell,
            end=end,
            alone=lambda found: self._known(f"{account.id}/{found.conversation}").showing,
        )
        if account.agent_token:
            await catching.messages(time.time() - self._catch_up)
        places = (view.conversation.partition("/") for view in desk.views() if view.state != "closed")
        await catching.states([int(number) for place, _, number in places if place == str(account.id)])

    async def _written(self, conversation: str, text: str, key: str, *, private: bool) -> str:
        account, number = self._place(conversation)
        api, tracked = self._apis[account.id], self._known(conversation)
        if not tracked.channel:
            await self._look(account, number)
        source_id = key if tracked.channel in _SOURCED else None
        before = tracked.count
        began = time.time()

        async def find() -> int | None:
            """Looks whether Chatwoot has the message."""
            end = time.monotonic() + _LOOK
            while (found := tracked.find(before, text, source_id)) is None and (rest := end - time.monotonic()) > 0:
                try:
                    await asyncio.wait_for(tracked.heard.wait(), rest)
                except asyncio.TimeoutError:
                    break
            return found if found is not None else await _answered(api.own(number, text, source_id, began))

        if source_id is not None and (own := tracked.named(source_id)) is not None:
            return str(own)
        if began - self._began < _FRESH and source_id is not None:
            # An earlier process may have written it.
            found = await _answered(api.own(number, text, source_id, self._began - self._catch_up, by_key=True))
            if found is not None:
                return str(found)
        written = api.post(number, text, private=private, source_id=source_id, find=find)
        return str(await _answered(written))

    def _place(self, conversation: str) -> tuple[ChatwootAccount, int]:
        account, _, number = conversation.partition("/")
        if not (account.isdigit() and number.isdigit() and int(account) in self._accounts):
            raise Undeliverable(f"there is no conversation {conversation!r} in these accounts of Chatwoot")
        return self._accounts[int(account)], int(number)

    def _waits_for(self, conversation: str) -> int | None:
        """The agent to whom the desk itself assigns what waits."""
        return self._place(conversation)[0].agent

    def _known(self, conversation: str) -> Tracked:
        tracked = self._tracked.pop(conversation, None) or Tracked()
        self._tracked[conversation] = tracked
        if len(self._tracked) > _MOST_TRACKED:
            oldest = next(iter(self._tracked))
            if not (self._tracked[oldest].lock.locked() or self._tracked[oldest].showing.locked()):
                del self._tracked[oldest]
        return tracked

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _answered(call: Awaitable[T]) -> T:
    """Makes a call, and says in the bridge's words what went wrong."""
    try:
        return await call
    except Later as error:
        raise RetryLater(error.seconds or _AGAIN) from error
    except ChatwootError as error:
        raise Undeliverable(str(error)) from error
