"""The client, for asyncio."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from . import _native
from ._base import ClientBase
from ._callbacks import Callbacks, ReportSource, Served, is_cancelled
from ._conversation import Conversation
from ._native import Credentials, Visitor
from ._notes import Note
from ._on import Listening
from ._options import ClientOptions
from ._request import body_text
from ._secret import hidden
from ._streams import Events
from ._tokens import AsyncCredentials, AsyncTokens, Giver, TokenSource
from ._values import CallReport

if TYPE_CHECKING:
    from typing_extensions import Unpack

Self = TypeVar("Self", bound="AvatarClient")


class AvatarClient(ClientBase, Listening):
    """A client for one API key, that is for one avatar::

        async with AvatarClient() as client:
            chat = await client.open(Visitor.for_user("feishu", "ou_abc", name="张三"))
            print((await chat.ask("Hello, tell me about yourself")).text)

    It may be used from several event loops, after each other or each in a thread of its own.
    """

    @classmethod
    def visitor_chat(
        cls: type[Self],
        client_id: str | None = None,
        client_secret: str | None = None,
        api_key: str | None = None,
        *,
        token: AsyncTokens | None = None,
        **options: Unpack[ClientOptions],
    ) -> Self:
        """A client that speaks through Visitor Chat, the service's other door. Nothing is sent yet.

        For an app that is registered with the service, it shows the app's own token for all its visitors: it is fetched
        once for the whole client, and renewed before it ends. The secret must not leave your backend::

            client = AvatarClient.visitor_chat("app-id", "app-secret", "sk-…")

        For users of the service, ``token`` gives the access token of each::

            async def token(request: TokenRequest) -> str:
                return await users.token_of(request.visitor_id, refresh=request.refused)

            client = AvatarClient.visitor_chat(api_key="sk-…", token=token)

        :param client_id: The app's id. Without it, SECONDME_CLIENT_ID counts.
        :param client_secret: The app's secret. Without it, SECONDME_CLIENT_SECRET counts.
        :param api_key: The avatar's API key. Without it, SECONDME_API_KEY counts.
        :param token: A function of a ``TokenRequest`` that returns the user's access token, in place of the first two.
            It is called once for each visitor, and again where the service has refused that visitor's token. It may be
            plain or async, and runs as callbacks do, in the loop in which the client is used. What it raises is the
            cause of the error that the waiting calls raise. An ``AvatarError`` keeps its kind; a failure of the
            network, or a time limit's, becomes a ``ConnectionFailedError`` and is tried again within the deadlines of
            the calls; anything else becomes an ``AuthenticationError``. It has 20 s to answer. After that, and when no
            call waits any more, its task is cancelled; calls that still wait have it called again within their
            deadlines.
        :param options: The further keywords of ``AvatarClient``.
        """
        client_secret, api_key = hidden(client_secret), hidden(api_key)
        return cls._through_visitor_chat(client_id, client_secret, api_key, token, options)

    @classmethod
    def with_credentials(cls: type[Self], credentials: AsyncCredentials, **options: Unpack[ClientOptions]) -> Self:
        """A client without an API key, for an app: ``credentials`` gives each visitor's ``Credentials``, which a server
        with the key gets with ``authenticate``. All the rest works as with a key. Nothing is sent yet.

        The visitor to open is the one that the credentials name: the server knows who its user is, and the app does not
        choose::

            async def credentials(request: CredentialsRequest) -> Credentials:
                answer = await http.post("https://app.example/avatar", json={"refused": request.refused})
                return Credentials.from_json(answer.text)

            client = AvatarClient.with_credentials(credentials)

        Through the Avatar Open API only: Visitor Chat wants the key in every call.

        :param credentials: A function of a ``CredentialsRequest`` that returns the visitor's ``Credentials``. It is
            called once for each visitor of whom the client has none, in its ``store`` neither, and again where the
            service has refused them. It may be plain or async, and its failures, its time limit and its end are those
            of ``token`` in ``visitor_chat``. Credentials of another visitor than the one asked for are a
            ``MisuseError``.
        :param options: The further keywords of ``AvatarClient``.
        """
        return cls._without_key(credentials, options)

    @cached_property
    def _served(self) -> Served:
        return Served()

    def _report(self, reports: _native.Reports, on_call: Callable[[CallReport], object]) -> None:
        self._served.add(ReportSource(reports, on_call))

    def _give_tokens(self, tokens: _native.TokenRequests, give: Giver) -> None:
        self._served.add(TokenSource(tokens, give))

    @cached_property
    def _callbacks(self) -> Callbacks:  # type: ignore[override]
        return Callbacks(self._served, lambda: self._native.events(True))

    async def open(self, visitor: Visitor, *, deadline: float | None = None) -> Conversation:
        """Opens the conversation of this visitor.

        For a visitor whose conversation is open already, it gives that one; calls at the same time share the opening.
        After a ``close`` the conversation resumes the same session. Default of ``deadline``, in seconds:
        ``open_deadline``.
        """
        queue = self._served.queue()
        opened = await queue.call(lambda queue: self._native.open(queue, visitor, deadline))
        return Conversation(opened, self._served)

    async def authenticate(self, visitor: Visitor, *, deadline: float | None = None) -> Credentials:
        """Gets a visitor's ``Credentials``, for an app that must not have the key. Nothing is opened.

        Give them to the user whose visitor this is and to no other: derive the visitor from the login that your server
        has verified, never from the request (``secondme_avatar.fastapi`` is a handler that does so). Each call counts
        in the key's quota, and waits for its slot no longer than ``deadline`` seconds. Default: ``open_deadline``.
        """
        return await self._served.queue().call(lambda queue: self._native.authenticate(queue, visitor, deadline))

    async def recover(self, *, all: bool = False) -> list[str]:
        """Resumes what earlier processes left in the ``store``: opens the conversation of every visitor with a durable
        message that is still to be sent, and returns their ids.

        With ``all`` it opens every visitor of the store who has a session, so that messages of the avatar's owner
        arrive before the visitor writes. It stays within ``max_live``; the visitors seen last come first.

        A message that is given up comes as an ``UnsentEvent``, so subscribe to ``events`` first. Without a store the
        list is empty.
        """
        return await self._served.queue().call(lambda queue: self._native.recover(queue, all))

    async def known(self) -> list[Visitor]:
        """Returns the visitors that the ``store`` knows, with the name, channel and tag that each was last given. The
        visitor saved last comes first. Without a store the list is empty."""
        return await self._served.queue().call(self._native.known)

    async def forget(self, visitor: Visitor) -> None:
        """Deletes everything that the ``store`` holds of this visitor: the record, unsent messages, notes, claims. When
        it returns, nothing of it is in the store's files. A visitor of whom there is nothing is no error.

        An open conversation of the visitor is closed first, at once: what was still to be sent is not, its calls fail,
        and durable messages are deleted. Opening the visitor again begins a new session.

        This store only: nothing is deleted at the service, in backups or in logs. Where another client of the same
        store has the visitor open, or has messages of the visitor to send, it raises ``StoreError`` and deletes
        nothing, and the conversation here is closed all the same; so it does where the bytes cannot be removed, because
        another program reads the file or the disk is full: then call it again. A client without a store forgets what it
        has in memory. The file is written anew, so use ``forget_idle`` to delete many.
        """
        await self._served.queue().call(lambda queue: self._native.forget(queue, visitor))

    async def export(self, visitor: Visitor) -> str:
        """Returns everything that the ``store`` holds of this visitor, as a JSON text without secrets. A visitor of
        whom there is nothing is no error: ``holds_data`` is ``false`` then. ``docs/privacy.md`` in the repository lists
        the fields. Without a store it raises ``UnsupportedError``."""
        return await self._served.queue().call(lambda queue: self._native.export(queue, visitor))

    async def set_note(self, visitor: Visitor, key: str, text: str, *, lifetime: float | None = None) -> None:
        """Writes a note: a small text that the program keeps with this visitor, in place of the one under this key.
        When it returns, the note outlives the process::

            await client.set_note(visitor, "address", "C0123/1700000000.000100")
            address = await client.note(visitor, "address")

        Notes are in the ``store``: sealed where it is, in its backups and exports, and forgotten with the visitor.
        Without a store they are in memory until the client closes. Keys are not sealed: put no secret and no word of a
        person into a key. Where a store does not know the API key yet, the visitor is authenticated first.

        :param key: 1 to 200 bytes of UTF-8.
        :param text: At most 16 KiB of UTF-8.
        :param lifetime: After so many seconds, more than 0, the note counts as deleted. Default: never.
        """
        await self._served.queue().call(lambda queue: self._native.set_note(queue, visitor, key, text, lifetime))

    async def add_note(self, visitor: Visitor, key: str, text: str, *, lifetime: float | None = None) -> bool:
        """Writes a note unless there is one under this key that has not expired, and returns whether it was written.

        Of several that add the same note at the same time, one succeeds, also among the processes that use the same
        store file. So a message that a platform delivers twice is taken once::

            if await client.add_note(visitor, f"message/{id}", "taken", lifetime=7 * 24 * 60 * 60):
                ...

        The parameters are those of ``set_note``.
        """
        return await self._served.queue().call(lambda queue: self._native.add_note(queue, visitor, key, text, lifetime))

    async def note(self, visitor: Visitor, key: str) -> str | None:
        """Returns the text of the visitor's note under this key, or ``None`` where there is none or it has expired."""
        return await self._served.queue().call(lambda queue: self._native.note(queue, visitor, key))

    async def delete_note(self, visitor: Visitor, key: str) -> bool:
        """Deletes the visitor's note under this key, and returns whether there was one that had not expired."""
        return await self._served.queue().call(lambda queue: self._native.delete_note(queue, visitor, key))

    async def notes(self, prefix: str) -> list[Note]:
        """Returns the notes of all visitors whose keys begin so, and that have not expired. The one that was first
        written longest ago comes first; one that was replaced keeps its place. With ``""`` it returns all notes."""
        return await self._served.queue().call(lambda queue: self._native.notes(queue, prefix))

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        visitor: Visitor | None = None,
        deadline: float | None = None,
    ) -> Any:
        """Makes a call of the service that this library does not know. Returns the ``data`` of the answer's envelope as
        Python's own objects, with every integer exact; ``None`` where there is none::

            latest = await client.request("GET", f"/rest/general/message/latest?sessionId={session}", visitor=visitor)

        The path goes on after the base URL, and cannot lead elsewhere. Nothing is sent twice but after the visitor's
        token was refused. ``on_call`` is told of calls with a visitor alone.

        :param method: GET, POST, PUT, PATCH or DELETE.
        :param body: What ``json.dumps`` takes. Default: no body.
        :param visitor: Shows this visitor's token, renewed where it is refused. Default: the API key, with a slot of
            its quota.
        :param deadline: The time limit in seconds, with the wait for the quota. Default: ``open_deadline``.
        :raises MisuseError: The method is unknown, the path could lead to outside of the base URL, or the body is not
            JSON. Nothing is sent then.
        :raises InvalidAnswerError: The answer is not the service's envelope, such as a redirect.
        """
        text, how = body_text(body), (visitor, deadline)
        answer = await self._served.queue().call(lambda queue: self._native.request(queue, method, path, text, how))
        return json.loads(answer)

    async def forget_idle(self, longer_than: float) -> int:
        """Forgets all visitors of whom nothing was written to the ``store`` for longer than so many seconds, and
        returns how many. The option ``retention`` does the same by itself.

        Not idle are visitors with an open conversation, in this client or in another one of the same store, and those
        with a durable message that is still to be sent. It fails as ``forget`` does, except that visitors in use are
        skipped.
        """
        return await self._served.queue().call(lambda queue: self._native.forget_idle(queue, longer_than))

    async def backup(self, to: str | os.PathLike[str]) -> None:
        """Copies the ``store`` into this file while it is in use. The copy is a complete store for another client; it
        replaces an earlier copy.

        Use only one of the two afterwards: both hold the messages that are still to be sent. Do not copy the store's
        files by other means while it is open. Without a store this raises ``UnsupportedError``.
        """
        await self._served.queue().call(lambda queue: self._native.backup(queue, to))

    def events(self, *, raw: bool = True, all_processes: bool = False) -> Events:
        """Subscribes to the events of all conversations, those that are opened later too. Without ``raw`` they cost
        less, and their ``raw`` is ``None``.

        Where several processes share a store in Redis, these are the conversations of the visitors that this process
        has, and so are those of ``on``: each event comes in one process, and a program that answers from here answers
        once. With ``all_processes`` they are those of all processes, to watch or to count: of each visitor in order,
        those of another process from a second later on, and at most once."""
        return Events(self._native.events(raw, all_processes), self._served.queue)

    async def close(self, *, deadline: float | None = None) -> None:
        """Closes all conversations, each after sending what is still to be sent, within ``deadline`` seconds. Default:
        ``close_deadline``.

        A message that could not be sent by then comes back in the ``unsent`` of the error that its call raises; a
        durable message stays in the store. The call waits up to 5 s for running callbacks, unless its task is being
        cancelled, for example by Ctrl-C. It can be called more than once.
        """
        await self._close(deadline)

    async def _close(self, deadline: float | None = None, kind: type[BaseException] | None = None) -> None:
        queue, is_quick = self._served.queue(), is_cancelled(kind)
        await queue.call(lambda queue: self._native.close(queue, deadline))
        if self._native.reports is not None:
            self._native.reports.finish()
        if self._native.tokens is not None:
            self._native.tokens.finish()
        await self._served.finish(is_quick=is_quick)

    async def __aenter__(self: Self) -> Self:
        self._served.queue()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close(kind=kind)
