"""When a provider says "not now": what it tells of the time to wait, and waiting it out once for all with the same account."""

from __future__ import annotations

import asyncio
import email.utils
import re
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

_FIRST_WAIT, _LONGEST_WAIT = 2.0, 60.0
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PIECE = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")
# Nobody gets more by waiting: the account is empty, not busy.
_CENTURIES = 1e11  # seconds; also keeps out what is no number
_HOPELESS = ("insufficient_quota", "billing_hard_limit")


def wait_told(status: int, headers: Mapping[str, str], body: bytes, now: float) -> float | None:
    """Seconds until the provider takes requests again: 0 when it does not tell. None: this is no limit that passes.

    ``now`` is the wall clock (Unix seconds); ``headers`` are looked up without regard to case.
    """
    if status not in (429, 503, 529):
        return None
    if status == 429 and any(word in body[:65536].decode("utf-8", "replace").lower() for word in _HOPELESS):
        return None
    told = _retry_after(headers, now) or _resets(headers, now) or _retry_info(body)
    if told is None:
        return None if status == 503 else 0.0
    return max(0.0, told)


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    if (milliseconds := _float(headers.get("retry-after-ms", ""))) is not None:
        return milliseconds / 1000
    value = headers.get("retry-after", "")
    if (seconds := _float(value)) is not None:
        return seconds
    try:
        return email.utils.parsedate_to_datetime(value).timestamp() - now
    except (ValueError, TypeError):
        return None


def _resets(headers: Mapping[str, str], now: float) -> float | None:
    """The latest reset among the limits that are used up, in the headers of Anthropic and of OpenAI and those who follow it."""
    waits = []
    for name, value in headers.items():
        lower = name.lower()
        if lower == "anthropic-ratelimit-unified-reset":
            waits.append(_moment(value, now))
        elif lower.startswith("anthropic-ratelimit-") and lower.endswith("-reset"):
            left = headers.get(lower.removesuffix("-reset") + "-remaining", "")
            waits.append(_moment(value, now) if left == "0" else None)
        elif lower.startswith("x-ratelimit-reset"):
            left = headers.get(lower.replace("-reset", "-remaining", 1), "0")
            waits.append(_duration(value) if left == "0" else None)
    known = [wait for wait in waits if wait is not None]
    return max(known) if known else None


def _moment(value: str, now: float) -> float | None:
    if (seconds := _float(value)) is not None:
        return seconds - now
    try:
        return datetime.fromisoformat(value).timestamp() - now
    except ValueError:
        return None


def _duration(value: str) -> float | None:
    """``6m0s``, ``250ms``, ``1.5``."""
    if (seconds := _float(value)) is not None:
        return seconds
    pieces = _PIECE.findall(value)
    return sum(float(number) * _UNITS[unit] for number, unit in pieces) if pieces else None


def _float(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if abs(number) < _CENTURIES else None


def _retry_info(body: bytes) -> float | None:
    """Gemini tells it in the error's details."""
    if b"RetryInfo" not in body:
        return None
    try:
        seen = msgspec.json.decode(body)
        for each in seen if isinstance(seen, list) else [seen]:
            for detail in each["error"]["details"]:
                if str(detail.get("@type", "")).endswith("RetryInfo"):
                    return _duration(detail["retryDelay"])
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
        pass
    return None


class Account:
    """The requests of one provider's account. After a limit they wait together, and one goes ahead to see whether it is over."""

    def __init__(self) -> None:
        self.last: Any = None
        """The answer that closed it."""
        self._until = 0.0
        self._probing = False
        self._tries = 0
        self._changed: asyncio.Future[None] | None = None

    @property
    def left(self) -> float:
        """Seconds until somebody may ask again."""
        return max(0.0, self._until - time.monotonic())

    async def turn(self, deadline: float) -> Literal["go", "probe", "late"]:
        """Wait until a request may leave. ``late``: that will not be before ``deadline`` (of the monotonic clock)."""
        while self._until:
            if self._until > deadline:
                return "late"
            if self.left:
                await asyncio.sleep(self.left)
            elif not self._probing:
                self._probing = True
                return "probe"
            elif not await self._change(deadline - time.monotonic()):
                return "late"
        return "go"

    def close(self, told: float, answer: Any) -> None:
        """The provider said no. ``told`` 0: it did not say for how long."""
        seconds = told or min(_LONGEST_WAIT, _FIRST_WAIT * 2**self._tries)
        if not self.left:  # several that were under way may hear the same no
            self._tries += 1
        self._until = max(self._until, time.monotonic() + seconds)
        self.last = answer
        self.leave()

    def open(self) -> None:
        """It takes requests again."""
        self._until, self._tries, self.last = 0.0, 0, None
        self.leave()

    def leave(self) -> None:
        """The one who went ahead is back, with whatever answer or none."""
        self._probing = False
        changed, self._changed = self._changed, None
        if changed and not changed.done():
            changed.set_result(None)

    async def _change(self, seconds: float) -> bool:
        if self._changed is None:
            self._changed = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._changed], timeout=max(0.0, seconds))
        return seconds > 0
