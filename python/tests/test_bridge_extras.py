"""A platform's package that is missing is named, with what to do."""

import importlib

import pytest


@pytest.mark.parametrize(
    ("platform", "remedy"),
    [
        ("slack", "needs slack_sdk: pip install slack-bolt aiohttp"),
        ("feishu", "needs lark_oapi: pip install lark-oapi==1.7.5"),
        ("dingtalk", "needs dingtalk_stream: pip install dingtalk-stream"),
    ],
)
def test_a_missing_package_is_named_with_what_to_install(platform: str, remedy: str) -> None:
    with pytest.raises(ImportError, match=remedy):
        importlib.import_module(f"secondme_avatar.bridge.{platform}")
