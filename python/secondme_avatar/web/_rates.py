"""How often something may happen: a bucket of tokens for each key, in memory that is bounded."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from math import ceil

from ._http import Refusal

_MOST = 10_000
"""How many keys are remembered. Those that may do most are forgotten first: it makes no difference to them."""


class Rate:
    """So many a minute for each key, all of them at once if need be."""

    def __init__(self, per_minute: float, clock: Callable[[], float]) -> None:
        self._most = float(per_minute)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        """For each key its tokens, and when there were so many."""

    def take(self, key: str) -> int | None:
        """Takes one, and returns ``None``; where there is none, in how many seconds there will be one."""
        now = self._clock()
        tokens, since = self._buckets.get(key, (self._most, now))
        tokens = min(self._most, tokens + (now - since) * self._most / 60)
        wait = None if tokens >= 1 else max(1, ceil((1 - tokens) * 60 / self._most))
        self._buckets[key] = (tokens - 1 if wait is None else tokens, now)
        if len(self._buckets) > _MOST:
            self._forget(now)
        return wait

    def give_back(self, key: str) -> None:
        """Gives one back that was not used."""
        if key in self._buckets:
            tokens, since = self._buckets[key]
            self._buckets[key] = (min(self._most, tokens + 1), since)

    def _forget(self, now: float) -> None:
        """Forgets a tenth, so that this is seldom done."""

        def tokens(key: str) -> float:
            left, since = self._buckets[key]
            return min(self._most, left + (now - since) * self._most / 60)

        for key in sorted(self._buckets, key=tokens, reverse=True)[: _MOST // 10]:
            del self._buckets[key]

    def __len__(self) -> int:
        return len(self._buckets)


def limited(rate: Rate, key: str | None, what: str) -> None:
    """Refuses where a rate is passed. What has no key has no limit."""
    wait = rate.take(key) if key is not None else None
    if wait is not None:
        after = [(b"retry-after", str(wait).encode())]
        raise Refusal(429, "rate_limited", f"{what} Try again in {wait} s.", after)


def address_key(address: str) -> str:
    """Returns the key of an address: of IPv6 the network of 64 bits, which one household or machine has."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:100]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
