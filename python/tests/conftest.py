"""Everything is tested against the real emulator, over real sockets."""

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from secondme_avatar import AvatarClient, Conversation, Visitor
from secondme_avatar.bridge import _answering
from secondme_avatar.testing import Emulator

pytest_plugins = ["secondme_avatar.testing.pytest_plugin"]

ROOT = Path(__file__).parents[2]
BUILT = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "secondme-avatar-emulator"
os.environ.setdefault("SECONDME_AVATAR_EMULATOR", str(BUILT))
# Programs that tests start find the package where the tests found it.
os.environ["PYTHONPATH"] = str(ROOT / "python")


@pytest.fixture
def emulator(avatar_emulator: Emulator) -> Emulator:
    return avatar_emulator


@pytest_asyncio.fixture
async def client(emulator: Emulator) -> AsyncIterator[AvatarClient]:
    async with emulator.client() as client:
        yield client


@pytest_asyncio.fixture
async def chat(client: AvatarClient) -> Conversation:
    return await client.open(Visitor.for_user("test", "ada"))


@pytest.fixture
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bridge that looks for an answer of before looks often, and soon takes it for whole. Only where the avatar has
    said all of it by then."""
    monkeypatch.setattr(_answering, "_LOOK", 0.01)
    monkeypatch.setattr(_answering, "_STILL", 0.1)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[str]:
    """The URL of a server of the test's own."""
    server = shutil.which(os.environ.get("REDIS_SERVER", "redis-server"))
    if server is None:
        assert "CI" not in os.environ, "redis-server is not installed: apt-get install redis-server"
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    socket = tmp_path / "redis.sock"
    command = [server, "--port", "0", "--unixsocket", str(socket), "--appendonly", "yes", "--save", ""]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "accept connections" in line and str(socket) in line:
                break
        else:
            pytest.fail("redis-server did not start")
        yield f"redis+unix://{socket}?prefix=python"
        process.kill()


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], list[str]]:
    """Makes a program, and gives the command that runs it."""

    def make(text: str) -> list[str]:
        path = tmp_path / "program.py"
        path.write_text(text, encoding="utf-8")
        return [sys.executable, str(path)]

    return make
