"""An answer as it is being said."""

import asyncio

from secondme_avatar import AvatarClient, Visitor


async def main() -> None:
    async with AvatarClient() as client:
        chat = await client.open(Visitor.for_user("web", "user-1"))

        stream = chat.stream("Hello, tell me about yourself")
        async for piece in stream:
            if piece.author == "owner":
                print("(in person) ", end="")
            print(piece, end="", flush=True)
        print()
        # All of it, with cards and sources.
        if stream.reply:
            print(f"{len(stream.reply.text)} characters in all, from {len(stream.reply.sources)} sources")


asyncio.run(main())
