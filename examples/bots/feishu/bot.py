"""The avatar in Feishu (Lark). README.md says what to click, and what the environment variables are."""

import asyncio
import os

from lark_oapi.channel import FeishuChannel

from secondme_avatar import AvatarClient
from secondme_avatar.bridge.feishu import attach, serve


async def main() -> None:
    id, secret = os.environ["FEISHU_APP_ID"], os.environ["FEISHU_APP_SECRET"]
    channel = FeishuChannel(app_id=id, app_secret=secret, domain=os.environ.get("FEISHU_DOMAIN"))
    quota = int(os.environ.get("SECONDME_QUOTA", 60))
    store = os.environ.get("AVATAR_STORE", "avatar.db")
    # Once the owner has the conversation, a question waits 15 s for the owner's words; then a sentence says who has it.
    avatar = AvatarClient(store=store, max_live=500, quota=quota, owner_deadline=15)
    async with avatar as client, attach(channel, client, owner_name=os.environ.get("OWNER_NAME")):
        await serve(channel)


asyncio.run(main())
