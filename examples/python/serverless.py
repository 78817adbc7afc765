"""A function that lives for one request, on Lambda, Vercel or the like: each invocation may be in another process.

``SECONDME_API_KEY`` has the key, ``AVATAR_STORE`` the URL of a Redis.
"""

import os

from secondme_avatar import AvatarClient, OwnerReplyEvent, Visitor


async def handler(user: str, text: str) -> dict[str, object]:
    """Answers one question. On Lambda: ``asyncio.run(handler(event["user"], event["text"]))``."""
    async with AvatarClient(store=os.environ["AVATAR_STORE"]) as client:
        events = client.events(raw=False)
        chat = await client.open(Visitor.for_user("web", user))
        reply = await chat.ask(text)
        # What the owner has said since the last invocation came while the conversation opened.
        events.finish()
        meanwhile = [event.text async for event in events if isinstance(event, OwnerReplyEvent)]
    return {"meanwhile": meanwhile, "answer": reply.text}
