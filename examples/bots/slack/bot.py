"""The avatar in Slack. README.md says what to click, and what the environment variables are."""

import asyncio
import os

from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from secondme_avatar import AvatarClient
from secondme_avatar.bridge.slack import attach, serve


async def main() -> None:
    api = os.environ.get("SLACK_API_URL", "https://slack.com/api/")
    web = AsyncWebClient(os.environ["SLACK_BOT_TOKEN"], base_url=api)
    app = AsyncApp(client=web, signing_secret=os.environ.get("SLACK_SIGNING_SECRET"))
    quota = int(os.environ.get("SECONDME_QUOTA", 60))
    store = os.environ.get("AVATAR_STORE", "avatar.db")
    # Once the owner has the conversation, a question waits 15 s for the owner's words; then a sentence says who has it.
    avatar = AvatarClient(store=store, max_live=500, quota=quota, owner_deadline=15)
    async with avatar as client, attach(app, client, owner_name=os.environ.get("OWNER_NAME")):
        await serve(app, app_token=os.environ.get("SLACK_APP_TOKEN"), port=int(os.environ.get("PORT", 3000)))


asyncio.run(main())
