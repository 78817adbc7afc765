"""The platforms' own packages, which are needed only where their platform is used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PACKAGES = {
    "slack": "slack-bolt aiohttp",
    "feishu": "lark-oapi==1.7.5",
    "dingtalk": "dingtalk-stream",
    "matrix": "matrix-nio",
}
"""What the extra of each platform stands for."""


def needed(module: str, extra: str) -> Any:
    """Imports a module of a platform's package.

    :raises ImportError: with what to install.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        if error.name is not None and error.name.partition(".")[0] not in (package, "aiohttp"):
            raise
        part = "desk" if extra == "matrix" else "bridge"
        raise ImportError(
            f"`secondme_avatar.{part}.{extra}` needs {error.name or package}: pip install {_PACKAGES[extra]}",
            name=error.name,
        ) from error
