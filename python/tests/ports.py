"""Ports for servers that are processes of their own."""

import random
import socket


def free_port() -> int:
    """Returns a port that nothing listens on, and none of those that a system gives out by itself: such a one may be
    another test's by the time that the server takes it."""
    while True:
        port = random.randrange(20_000, 32_000)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
