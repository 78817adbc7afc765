"""The avatar in DingTalk. README.md says what to click, and what the environment variables are."""

import asyncio
import os

from dingtalk_stream import Credential, DingTalkStreamClient

from secondme_avatar import AvatarClient
from secondme_avatar.bridge.dingtalk import attach, serve


async def main() -> None:
    stream = DingTalkStreamClient(Credential(os.environ["DINGTALK_CLIENT_ID"], os.environ["DINGTALK_CLIENT_SECRET"]))
    card = os.environ.get("DINGTALK_CARD_TEMPLATE_ID")  # without it, answers come as a whole
    quota = int(os.environ.get("SECONDME_QUOTA", 60))
    store = os.environ.get("AVATAR_STORE", "avatar.db")
    # Once the owner has the conversation, a question waits 15 s for the owner's words; then a sentence says who has it.
    avatar = AvatarClient(store=store, max_live=500, quota=quota, owner_deadline=15)
    async with avatar as client, attach(stream, client, card=card, owner_name=os.environ.get("OWNER_NAME")):
        await serve(stream)


asyncio.run(main())
