"""The service on this machine, for your own tests: no account, no key, no network::

    async with Emulator() as emulator:
        async with emulator.client() as client:
            chat = await client.open(Visitor.for_user("test", "ada"))
            await emulator.owner_reply(chat, "Hi, this is the real me")

The package ``secondme-avatar-emulator``, which ``make dist-python`` builds, has the emulator's program. With pytest,
the fixture ``avatar_emulator`` is there as soon as this package is installed; ``avatar_emulator.sync`` is the same for
tests that are not async.
"""

from ._emulator import Emulator, EmulatorError, SyncEmulator

__all__ = ["Emulator", "EmulatorError", "SyncEmulator"]
