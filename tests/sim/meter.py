"""The port ``Meter``: the real pots and the real bill, in a process that outlives engines and dies with the machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from chargehand.agents.meter import bill
from chargehand.agents.meter.calls import Calls, Flight, Spent
from chargehand.agents.meter.wire import Admission
from chargehand.agents.prices import Price
from chargehand.model.work import AgentError, Tokens, Usage
from chargehand.ports import Agent, Allowance, Gateway, Metered

from .world import World

_USD_PER_REQUEST = Price(input=1000.0, output=0.0)
_TOKENS = Tokens(input=100)
COST = _USD_PER_REQUEST.cost_of_request(_TOKENS)
"""USD of one request."""


class Told(NamedTuple):
    """What became of a request: let out, or refused for a reason."""

    out: bool
    why: str = ""


class FakeMeter:
    """``may_spend`` is asked by the world whether there really is money, whenever a request is let out."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._calls = Calls()
        self.catch_up: Callable[[], None] = lambda: None
        self.may_spend: Callable[[str, float], None] = lambda _call, _unsettled: None
        self.used: dict[str, int] = {}
        """Requests let out, by call."""
        self._refuses = ""

    # -- the port -----------------------------------------------------------------------------------------------------------

    async def admit(self, place: Path, agent: Agent, allowance: Callable[[], Allowance], *, caged: bool) -> Gateway | None:
        self._world.point("admit")
        self.catch_up()
        if not agent.api:
            return None
        place.mkdir(parents=True, exist_ok=True)
        told = Admission(
            place=str(place),
            key=str(place),
            api=agent.api,
            upstream="",
            secret="",
            bearer=caged,
            turns=agent.turns,
            free=False,
            allowance=allowance(),
        )
        self._calls.admit(told, self)
        self._world.point("admitted")
        return Gateway("http://127.0.0.1:1", told.key)

    async def way_out(self, place: Path, hosts: Sequence[str]) -> str:
        raise NotImplementedError(f"{place} reaches {hosts}: there is no cage in these stories")

    async def dismiss(self, place: Path) -> Metered:
        self._world.point("dismiss")
        self.catch_up()
        await self._calls.dismiss(str(place))
        return bill.metered(place)

    async def settle(self, place: Path, allowance: Callable[[], Allowance]) -> None:
        self._world.point("settle")
        self.catch_up()
        self._calls.settle(str(place), allowance())

    def socket(self) -> str:
        raise NotImplementedError("there is no cage in these stories")

    async def close(self) -> None:
        self._world.point("meter closed")

    # -- the machine --------------------------------------------------------------------------------------------------------

    def greeted(self) -> None:
        """A new engine begins."""
        self.catch_up()
        self._calls.greet()

    def rebooted(self) -> None:
        """The process is gone; its bills are on disk."""
        self._calls = Calls()

    def request(self, place: str) -> Told:
        """An agent asks its model for something."""
        call = self._calls.by_place.get(place)
        if call is None:
            self._world.count("request without a meter")
            return Told(out=False, why="connection refused")
        word = self._calls.may(call, Spent(Usage()))
        if word != "go":
            self._world.count("request refused")
            call.bill.write(bill.Refused(at=0.0, error=AgentError(kind="budget", message=word)))
            return Told(out=False, why=word)
        name = Path(place).name
        self.may_spend(name, COST)
        self.used[name] = self.used.get(name, 0) + 1
        self._world.count("request")
        Flight(call, "sim-1", _USD_PER_REQUEST, _TOKENS, Spent(Usage())).land(_TOKENS)
        return Told(out=True)

    def usage(self, name: str) -> Usage:
        """What a call really used."""
        requests = self.used.get(name, 0)
        return Usage(input_tokens=100 * requests, output_tokens=0, cost_usd=COST * requests)
