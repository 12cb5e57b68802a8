"""The calls that are let through, what they may still spend, and what they spend."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from pathlib import Path
from typing import Any

import msgspec

from chargehand.agents.meter import bill
from chargehand.agents.meter.wire import Admission
from chargehand.agents.prices import Price
from chargehand.model.work import AgentError, Tokens, Usage
from chargehand.ports import Allowance

_NOTHING = 1e-9
"""What sums of prices may be off by: so little left of a pot is nothing."""


class Call:
    """A call under way. ``owner`` is the connection that let it in; None: its engine is gone. ``turns``: requests let out so far.
    ``troubles``: by the mark of a request, why it found no answer. ``cuts``: marks of those whose answer broke off. ``overflows``:
    how often the provider said that one was too long."""

    def __init__(self, admission: Admission, owner: object) -> None:
        self.place = Path(admission.place)
        self.told = admission
        self.owner: object | None = owner
        self.orphaned_at = 0.0
        self.bill = bill.Bill(self.place)
        # What an earlier meter counted for it.
        before = bill.metered(self.place)
        self.spent, self.turns = Spent(before.usage), before.requests
        self.troubles: dict[bytes, AgentError] = {}
        self.cuts: set[bytes] = set()
        self.overflows = 0
        self.flights: dict[str, Flight] = {}
        self.tasks: set[asyncio.Task[Any]] = set()
        self._landed: asyncio.Future[None] | None = None

    async def landing(self) -> None:
        """Wait until one of its requests has ended."""
        if self._landed is None:
            self._landed = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._landed)

    def landed(self) -> None:
        landed, self._landed = self._landed, None
        if landed and not landed.done():
            landed.set_result(None)


class Spent:
    """USD and tokens, as pots count them."""

    def __init__(self, usage: Usage) -> None:
        self.usd = usage.cost_usd or 0.0
        self.tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0)

    def add(self, tokens: Tokens, usd: float | None) -> None:
        self.usd += usd or 0.0
        self.tokens += tokens.input + tokens.cached + tokens.cache_write + tokens.output


class Flight:
    """One request that was let out. ``most`` is the most it can use; ``land`` charges it, once."""

    def __init__(self, call: Call, model: str, price: Price | None, expected: Tokens, most: Spent) -> None:
        self.call, self.model, self.most = call, model, most
        self._price = price
        self.id = secrets.token_hex(6)
        self.at = time.time()
        self.first_byte_at = self.waited_s = 0.0
        self.status = 0
        call.bill.write(bill.Left(id=self.id, at=self.at, model=model, expected=expected, usd=self._usd(expected, price)))
        call.flights[self.id] = self
        call.turns += 1

    def land(self, tokens: Tokens, *, estimated: bool = False, price: Price | None = None) -> None:
        """``price`` is that of the model the provider says it was, for names that have none themselves."""
        if self.call.flights.pop(self.id, None) is None:
            return
        usd = self._usd(tokens, self._price or price)
        self.call.spent.add(tokens, usd)
        line = bill.Paid(
            id=self.id,
            model=self.model,
            tokens=tokens,
            usd=usd,
            status=self.status,
            at=self.at,
            first_byte_at=self.first_byte_at,
            ended_at=time.time(),
            waited_s=round(self.waited_s, 3),
            estimated=estimated,
        )
        with contextlib.suppress(OSError):  # it is kept, and no request leaves before it is written
            self.call.bill.write(line)
        self.call.landed()

    @staticmethod
    def _usd(tokens: Tokens, price: Price | None) -> float | None:
        return price.cost_of_request(tokens) if price else None if tokens != Tokens() else 0.0


class Calls:
    """All calls under way, and the pots they share.

    What the engine tells of a pot is what is left of it apart from calls that it has not charged yet. What those spent is counted
    here: that of calls under way, and that of calls that have ended until they are settled.
    """

    def __init__(self) -> None:
        self.by_key: dict[str, Call] = {}
        self.by_place: dict[str, Call] = {}
        self._unsettled: dict[str, Call] = {}
        self._left: dict[str, Call] = {}
        """Unsettled by an engine that is gone."""
        self._usd: dict[str, float] = {}
        self._tokens: dict[str, float] = {}

    def greet(self) -> None:
        """An engine begins, the only one. What an earlier one left unsettled it has on record, or will find and charge: it counts
        until what is left of a pot is told anew."""
        self._left |= self._unsettled
        self._unsettled.clear()

    def admit(self, admission: Admission, owner: object) -> None:
        """Let a call in, or tell anew of one that is in."""
        self._forget(admission.place)
        if call := self.by_place.get(admission.place):
            self.by_key.pop(call.told.key, None)
            call.told, call.owner = admission, owner
        else:
            call = self.by_place[admission.place] = Call(admission, owner)
        self.by_key[admission.key] = call
        self._fill(admission.allowance)

    def recall(self, admission: Admission, owner: object) -> None:
        """Tell of a call that has ended and is to be settled."""
        self._unsettled[admission.place] = Call(admission, owner)
        self._fill(admission.allowance)

    async def dismiss(self, place: str) -> None:
        """Void a call's key and end its requests."""
        call = self.by_place.get(place)
        if call is None:
            return
        self.by_key.pop(call.told.key, None)
        for task in call.tasks:
            task.cancel()
        if call.tasks:
            await asyncio.wait(list(call.tasks))
        await call.bill.flush()
        call.bill.close()
        if self.by_place.pop(place, None):
            self._unsettled[place] = call

    def settle(self, place: str, allowance: Allowance) -> None:
        """A call has been charged: what is left is told without it."""
        self._forget(place)
        self._fill(allowance)

    def _forget(self, place: str) -> None:
        self._unsettled.pop(place, None)
        self._left.pop(place, None)

    def _fill(self, allowance: Allowance) -> None:
        self._usd |= allowance.usd
        self._tokens |= allowance.tokens
        for place, call in list(self._left.items()):
            rest = _without(call.told.allowance, allowance)
            call.told = msgspec.structs.replace(call.told, allowance=rest)
            if rest == Allowance():
                del self._left[place]
        for call in self.by_place.values():
            call.landed()  # whoever waits looks again

    def may(self, call: Call, most: Spent) -> str:
        """Whether a request of a call may leave: ``go``, ``wait`` until one of its others has ended, or why not.

        One request of each call may be the one that empties a pot. A second at the same time must fit in what is left after all
        that are under way have used the most they can.
        """
        word = "go"
        for unit, pots in (("usd", self._usd), ("tokens", self._tokens)):
            for pot in getattr(call.told.allowance, unit):
                all_calls = (*self.by_place.values(), *self._unsettled.values(), *self._left.values())
                sharers = [each for each in all_calls if pot in getattr(each.told.allowance, unit)]
                left = pots[pot] - sum(getattr(each.spent, unit) for each in sharers)
                if left <= _NOTHING:
                    return f"budget: nothing is left for {pot} ({'USD' if unit == 'usd' else unit})"
                most_under_way = sum(getattr(flight.most, unit) for each in sharers for flight in each.flights.values())
                if call.flights and left < most_under_way + getattr(most, unit):
                    word = "wait"
        return word


def _without(allowance: Allowance, told: Allowance) -> Allowance:
    """Those of its pots that are not told anew."""
    return Allowance(
        usd={pot: left for pot, left in allowance.usd.items() if pot not in told.usd},
        tokens={pot: left for pot, left in allowance.tokens.items() if pot not in told.tokens},
    )
