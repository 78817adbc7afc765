"""One question, one answer."""

import asyncio

from secondme_avatar import AvatarClient, Visitor


async def main() -> None:
    async with AvatarClient() as client:  # SECONDME_API_KEY, SECONDME_BASE_URL
        # The same user of the same platform is always the same visitor.
        chat = await client.open(Visitor.for_user("web", "user-1", name="Grace"))
        print(f"{chat.avatar_name}: {chat.opening}")

        reply = await chat.ask("Hello, tell me about yourself")
        print(f"{chat.avatar_name}: {reply.text}")


asyncio.run(main())
