"""The desk against the emulator, a platform in memory, and real servers."""

import os
from pathlib import Path

import pytest

from secondme_avatar.testing import Emulator

pytest_plugins = ["secondme_avatar.testing.pytest_plugin"]

ROOT = Path(__file__).parents[2]
BUILT = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "secondme-avatar-emulator"
os.environ.setdefault("SECONDME_AVATAR_EMULATOR", str(BUILT))
os.environ["PYTHONPATH"] = str(ROOT / "python")
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"


def pytest_configure(config: pytest.Config) -> None:
    # A desk that ends cancels its calls, and httpx 0.28 leaves a connection that was being made to the garbage
    # collector then: in which test that is seen is chance.
    config.addinivalue_line("filterwarnings", "ignore:unclosed (transport|<socket):ResourceWarning")


@pytest.fixture
def emulator(avatar_emulator: Emulator) -> Emulator:
    avatar_emulator.sync.settings(quota_per_minute=100_000)
    return avatar_emulator
