"""The server part of the website widget, as an ASGI application: for FastAPI and Starlette, or alone::

    import os
    from contextlib import asynccontextmanager

    from fastapi import FastAPI
    from secondme_avatar import AvatarClient
    from secondme_avatar.web import WidgetApp, WidgetErrorContext

    widget = WidgetApp(AvatarClient(store="widget.db"), secret=os.environ["WIDGET_SECRET"])


    @asynccontextmanager
    async def lifespan(app):
        async with widget:
            yield


    app = FastAPI(lifespan=lifespan)
    widget.add_to(app, "/avatar")

The page then needs ``<script src="/avatar/widget.js" async></script>`` and nothing else. The key stays on the server, a
visitor is known by a signed cookie, and ``docs/widget.md`` in the repository says what goes over the wire.
"""

from __future__ import annotations

from ._app import WidgetApp
from ._errors import WidgetErrorContext

__all__ = ["WidgetApp", "WidgetErrorContext"]
