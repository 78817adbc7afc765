"""A real Matrix server for the tests: Synapse over SQLite, on loopback."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from ports import free_port

NAME = "desk.test"
SECRET = "for tests alone"
_PATIENCE = 60.0
_FREE = {"per_second": 100_000, "burst_count": 100_000}
_LIMITS = [
    "rc_message",
    "rc_registration",
    "rc_admin_redaction",
    "rc_presence",
    "rc_joins_per_room",
    "rc_3pid_validation",
]


class Synapse:
    """A server, which can be ended and started again over the same data."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        free = dict.fromkeys(_LIMITS, _FREE)
        free["rc_login"] = dict.fromkeys(("address", "account", "failed_attempts"), _FREE)
        free["rc_joins"] = {"local": _FREE, "remote": _FREE}
        free["rc_invites"] = dict.fromkeys(("per_room", "per_user", "per_issuer"), _FREE)
        config: dict[str, Any] = {
            "server_name": NAME,
            "listeners": [
                {
                    "port": self.port,
                    "bind_addresses": ["127.0.0.1"],
                    "type": "http",
                    "resources": [{"names": ["client"]}],
                }
            ],
            "database": {"name": "sqlite3", "args": {"database": str(folder / "homeserver.db")}},
            "log_config": str(folder / "log.yaml"),
            "media_store_path": str(folder / "media"),
            "signing_key_path": str(folder / "signing.key"),
            "registration_shared_secret": SECRET,
            "macaroon_secret_key": SECRET,
            "form_secret": SECRET,
            "report_stats": False,
            "trusted_key_servers": [],
            "presence": {"enabled": False},
            **free,
            **settings,
        }
        log = {
            "version": 1,
            "handlers": {"file": {"class": "logging.FileHandler", "filename": str(folder / "synapse.log")}},
            "root": {"level": "WARNING", "handlers": ["file"]},
        }
        # YAML takes JSON.
        (folder / "log.yaml").write_text(json.dumps(log))
        (folder / "homeserver.yaml").write_text(json.dumps(config))

    def start(self) -> None:
        """Starts it, and returns when it answers."""
        command = [
            sys.executable,
            "-m",
            "synapse.app.homeserver",
            "--config-path",
            str(self.folder / "homeserver.yaml"),
        ]
        key = self.folder / "signing.key"
        if not key.exists():
            key.write_text(f"ed25519 a_test {base64.b64encode(os.urandom(32)).decode().rstrip('=')}\n")
        with (self.folder / "output.txt").open("ab") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output, cwd=self.folder)
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5):
                    return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > end:
                    said = (self.folder / "output.txt").read_text()[-2000:]
                    raise RuntimeError(f"Synapse did not start: {said}") from None
                time.sleep(0.05)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Ends it."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    async def restart(self) -> None:
        """Ends it as a crash does, and starts it again."""
        await asyncio.to_thread(self.stop, signal.SIGKILL)
        await asyncio.to_thread(self.start)

    def register(self, name: str) -> tuple[str, str]:
        """Makes a user, and returns their id and a token."""
        nonce = self._call("GET", None)["nonce"]
        words = "\0".join([nonce, name, "password", "notadmin"])
        mac = hmac.new(SECRET.encode(), words.encode(), hashlib.sha1).hexdigest()
        made = self._call(
            "POST", {"nonce": nonce, "username": name, "password": "password", "mac": mac, "admin": False}
        )
        return made["user_id"], made["access_token"]

    def _call(self, method: str, body: Any) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.url}/_synapse/admin/v1/register", data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
