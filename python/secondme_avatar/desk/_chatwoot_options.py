"""What a program tells the connector to Chatwoot, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from .._errors import MisuseError
from ._chatwoot_api import ChatwootAccount


def of_environment(given: Mapping[str, str]) -> tuple[str, ChatwootAccount]:
    """Reads Chatwoot's address and an account from environment variables."""
    needed = ("CHATWOOT_URL", "CHATWOOT_ACCOUNT", "CHATWOOT_BOT_TOKEN", "CHATWOOT_BOT_SECRET")
    if missing := [name for name in needed if not given.get(name)]:
        raise MisuseError(f"set {', '.join(missing)}: what they hold stands in docs/desk.md")
    inboxes = [_number("CHATWOOT_INBOXES", text) for text in given.get("CHATWOOT_INBOXES", "").split(",") if text]
    secrets = (given["CHATWOOT_BOT_SECRET"], given.get("CHATWOOT_WEBHOOK_SECRET", ""))
    account = ChatwootAccount(
        id=_number("CHATWOOT_ACCOUNT", given["CHATWOOT_ACCOUNT"]),
        bot_token=given["CHATWOOT_BOT_TOKEN"],
        secrets=tuple(filter(None, secrets)),
        agent_token=given.get("CHATWOOT_AGENT_TOKEN") or None,
        team=_number("CHATWOOT_TEAM", given["CHATWOOT_TEAM"]) if given.get("CHATWOOT_TEAM") else None,
        agent=_number("CHATWOOT_AGENT", given["CHATWOOT_AGENT"]) if given.get("CHATWOOT_AGENT") else None,
        inboxes=frozenset(inboxes) or None,
    )
    return given["CHATWOOT_URL"], account


def check_url(url: str) -> None:
    """Refuses what is no address of Chatwoot."""
    parts = urlsplit(url)
    is_local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and is_local)):
        raise MisuseError(f"`url` is {url!r}: pass Chatwoot's address, such as 'https://chat.example.com'")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise MisuseError("`url` has more than an address: pass it as 'https://chat.example.com'")


def check_account(account: ChatwootAccount) -> None:
    """Refuses an account that could neither be called nor heard."""
    name = f"account {account.id}"
    if not account.bot_token.strip():
        raise MisuseError(f"{name} has no `bot_token`: copy the agent bot's access token from Settings, Bots")
    if isinstance(account.secrets, str) or not account.secrets or not all(account.secrets):
        raise MisuseError(f"{name} needs `secrets`, a tuple of the agent bot's secret and the webhook's")


def _number(name: str, text: str) -> int:
    if not text.strip().isdigit():
        raise MisuseError(f"{name} is {text!r}: it is a number, which stands in Chatwoot's address bar")
    return int(text)
