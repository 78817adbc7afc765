"""Chatwoot's connector by itself, with a desk that keeps what it is told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

from chatwoot_stage import FakeChatwoot, fake_chatwoot, served
from secondme_avatar import MisuseError
from secondme_avatar.desk import ConversationView, Desk, Operator, Post, State
from secondme_avatar.desk.chatwoot import ChatwootAccount, ChatwootConnector

STATE_AFTER: dict[str, State] = {
    "taken": "person",
    "operator_said": "person",
    "queued": "waiting",
    "left": "waiting",
    "handed_back": "bot",
    "reopened": "bot",
    "closed": "closed",
}


class Heard:
    """Stands where the desk does, and keeps what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Any]] = []
        self.views_of: dict[str, ConversationView] = {}
        self.failures = 0
        self.kept: dict[str, str] = {}
        self._ids: set[tuple[str, str, str]] = set()

    def view(self, conversation: str) -> ConversationView | None:
        return self.views_of.get(conversation)

    def views(self) -> list[ConversationView]:
        return list(self.views_of.values())

    async def find(self, conversation: str) -> ConversationView | None:
        return self.view(conversation)

    async def remember(self, key: str, text: str) -> None:
        self.kept[key] = text

    async def remembered(self, key: str) -> str | None:
        return self.kept.get(key)

    def __getattr__(self, name: str) -> Any:
        async def tell(conversation: str, id: str, *what: Any, **more: Any) -> bool:
            if self.failures:
                self.failures -= 1
                raise MisuseError("the store is full")
            if (conversation, name, id) in self._ids:
                return False
            self._ids.add((conversation, name, id))
            operator = next((one for one in what if isinstance(one, Operator)), None)
            before = self.views_of.get(conversation) or ConversationView(conversation, "bot", None, None, None, None)
            state = STATE_AFTER.get(name, before.state)
            has = operator if state == "person" and operator is not None else before.operator
            self.views_of[conversation] = replace(before, state=state, operator=has if state == "person" else None)
            said = what[0] if what and isinstance(what[0], str) else None
            self.calls.append((name, conversation, said if said is not None else operator and operator.name))
            return True

        return tell

    def told(self, conversation: str = "1/1") -> list[tuple[str, Any]]:
        return [(name, what) for name, of, what in self.calls if of == conversation]


class Scene:
    def __init__(self, fake: FakeChatwoot, heard: Heard, connector: ChatwootConnector, url: str) -> None:
        self.fake, self.heard, self.connector, self.url = fake, heard, connector, url

    async def settled(self) -> list[tuple[str, Any]]:
        await self.fake.until_delivered()
        return self.heard.told()


def accounts(fake: FakeChatwoot, **more: Any) -> list[ChatwootAccount]:
    return [
        ChatwootAccount(one["id"], one["botToken"], (one["botSecret"], one["webhookSecret"]), **more)
        for one in fake.accounts
    ]


@asynccontextmanager
async def scene(account: dict[str, Any] | None = None, hooks: bool = True, **options: Any) -> AsyncIterator[Scene]:
    async with fake_chatwoot() as fake:
        connector = ChatwootConnector(fake.url, accounts(fake, **(account or {})), **options)
        heard = Heard()
        await connector.start(cast(Desk, heard))
        async with served(connector) as url:
            if hooks:
                await fake.control("webhook", url=url)
            try:
                yield Scene(fake, heard, connector, url)
            finally:
                await connector.close()


def view(state: State, operator: Operator | None = None, conversation: str = "1/1") -> ConversationView:
    return ConversationView(conversation, state, operator, None, None, None)


def post(text: str, key: str = "key/1") -> Post:
    return Post(text, "avatar", None, key)


async def has_answers(fake: FakeChatwoot, status: int, times: int) -> bool:
    return [one["status"] for one in (await fake.look("webhooks"))["answers"]].count(status) >= times
