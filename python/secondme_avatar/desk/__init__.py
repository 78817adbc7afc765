"""A desk of customer service: the avatar answers visitors until a person takes over, and after that again::

    import asyncio
    from secondme_avatar import AvatarClient
    from secondme_avatar.bridge import Limits
    from secondme_avatar.desk import Connector, Desk, Operator


    class Console(Connector):
        limits = Limits(max_chars=4000)

        async def start(self, desk):
            self.desk = desk

        async def post(self, conversation, post):
            print(f"to {conversation}: {post.text}")

        async def note(self, conversation, text, key):
            print(f"for operators: {text}")


    async def main():
        async with AvatarClient(store="desk.db") as client:
            async with Desk(client, platform="console", connector=Console()) as desk:
                await desk.visitor_said("ada", "1", "Hello", name="Ada")
                await desk.idle()
                await desk.taken("ada", "2", Operator("bob", "Bob"))
                await desk.idle()


    asyncio.run(main())

``secondme_avatar.desk.matrix`` and ``secondme_avatar.desk.chatwoot`` join a desk to these platforms; a ``Connector`` of
your own joins it to another one.
"""

from __future__ import annotations

from ._connector import Connector, ConversationView, Line, Operator, Post, ShownAuthor
from ._desk import Desk
from ._sentences import DeskSentences
from ._states import State
from .export import TRANSCRIPT_SCHEMA, LineAuthor, export_csv, export_json
from .hours import BusinessHours

__all__ = [
    "TRANSCRIPT_SCHEMA",
    "BusinessHours",
    "Connector",
    "ConversationView",
    "Desk",
    "DeskSentences",
    "Line",
    "LineAuthor",
    "Operator",
    "Post",
    "ShownAuthor",
    "State",
    "export_csv",
    "export_json",
]
