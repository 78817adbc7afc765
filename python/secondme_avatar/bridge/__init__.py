"""What every bot needs between a platform and the avatar::

    import asyncio
    from secondme_avatar import AvatarClient
    from secondme_avatar.bridge import Bridge, IncomingMessage, Limits, Outlet, PlatformUser


    class Console(Outlet):
        limits = Limits(max_chars=4000)

        async def post(self, address, text, details):
            print(f"to {address}: {text}")


    async def main():
        async with AvatarClient(store="bot.db") as client:
            async with Bridge(client, platform="console", outlet=Console()) as bridge:
                await bridge.receive(IncomingMessage(id="1", user=PlatformUser("ada"), address="ada", text="Hello"))
                await bridge.idle()


    asyncio.run(main())

The bridge makes a visitor of each of the platform's users, keeps the order of each one's messages, drops what the
platform delivers twice, shows answers while they grow as often as the platform allows, posts what the owner says in
person, and goes on after a restart where it stood. ``secondme_avatar.bridge.slack``, ``.feishu`` and ``.dingtalk`` have
the outlets of these platforms.
"""

from __future__ import annotations

from ._bridge import Bridge
from ._options import AskOptions, During, ErrorContext
from ._outlet import (
    Draft,
    DraftExpired,
    IncomingMessage,
    Limits,
    Outlet,
    PlatformUser,
    PostAuthor,
    PostDetails,
    PostedMessage,
    RetryLater,
    Undeliverable,
)
from ._sentences import Language, Sentences

__all__ = [
    "AskOptions",
    "Bridge",
    "Draft",
    "DraftExpired",
    "During",
    "ErrorContext",
    "IncomingMessage",
    "Language",
    "Limits",
    "Outlet",
    "PlatformUser",
    "PostAuthor",
    "PostDetails",
    "PostedMessage",
    "RetryLater",
    "Sentences",
    "Undeliverable",
]
