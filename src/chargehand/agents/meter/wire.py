"""What the engine's side and the meter say to each other: a line of JSON each way, over a socket only the user can open."""

from __future__ import annotations

import msgspec

from chargehand.model.config import PriceConfig
from chargehand.ports import Allowance, Api


class Admission(msgspec.Struct, kw_only=True):
    """A call to be let through: its key, and the provider's (``secret``), which is nowhere but in memory and on this socket.
    ``turns``: so many requests and no more; 0: any number. ``free``: a model without a price costs nothing."""

    place: str
    key: str
    api: Api
    upstream: str
    secret: str
    bearer: bool
    turns: int
    free: bool
    allowance: Allowance


class Open(msgspec.Struct, frozen=True, tag="open"):
    """A way out of its cage for a call: only to these hosts, by the socket that ``way_of`` names."""

    place: str
    hosts: list[str]


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag="hello"):
    """The first line: settings, every call of this engine that is under way, and those (``unsettled``) that have ended and are not
    charged yet. Seconds; ``record`` and ``replay`` are files."""

    calls: list[Admission]
    unsettled: list[Admission]
    ways: list[Open]
    prices: dict[str, PriceConfig]
    max_wait_s: float
    linger_s: float
    record: str
    replay: str


class Admit(msgspec.Struct, frozen=True, tag="admit"):
    call: Admission


class Dismiss(msgspec.Struct, frozen=True, tag="dismiss"):
    place: str


class Settle(msgspec.Struct, frozen=True, tag="settle"):
    place: str
    allowance: Allowance


class Leave(msgspec.Struct, frozen=True, tag="leave"):
    """The engine ends in peace: the meter may go at once, unless somebody still needs it."""


Order = Hello | Admit | Open | Dismiss | Settle | Leave


class Message(msgspec.Struct, frozen=True):
    id: int
    order: Order


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """``port``: where the meter listens on 127.0.0.1 (to ``hello``)."""

    id: int
    error: str = ""
    port: int = 0


LONGEST = 64 * 1024 * 1024
