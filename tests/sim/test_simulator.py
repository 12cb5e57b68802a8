"""Thousands of stories, each from one seed; and proof that the promises can be seen to break.

``CHARGEHAND_SIM_RUNS`` says how many (default 10,000); ``CHARGEHAND_SIM_SEED`` where they begin. ``python bench/sim.py`` plays
more of them, and shows what happened.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chargehand.engine.inspecting import Inspecting
from chargehand.engine.judging import Judge
from chargehand.engine.landing import Landing
from chargehand.engine.ledger import Ledger
from chargehand.engine.purse import Purse
from chargehand.model.work import Verdict
from chargehand.plan.board import Board
from chargehand.plan.cards import Card
from chargehand.ports import Agent, Depot, Gate, Inspector, Launcher, Meter, Store

from .agents import FakeAgent, FakeGate, FakeInspector
from .depot import FakeDepot, merge_lines
from .launcher import FakeLauncher
from .loop import live
from .meter import FakeMeter
from .simulation import Broken, simulate
from .store import FakeStore
from .world import Violation, World

RUNS = int(os.environ.get("CHARGEHAND_SIM_RUNS") or 10_000)
FIRST = int(os.environ.get("CHARGEHAND_SIM_SEED") or 0)
CHUNK = 100


@pytest.fixture(scope="module")
def memory() -> Iterator[Path]:
    """A folder that costs no disk."""
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if os.access(shm, os.W_OK) else None) as place:
        yield Path(place)


def tell(seed: int, place: Path) -> list[str]:
    """The story of a seed, line by line."""
    lines: list[str] = []
    try:
        simulate(seed, place, lines.append)
    except Broken as broken:
        lines.append(str(broken))
    return lines


@pytest.mark.parametrize("start", range(FIRST, FIRST + RUNS, CHUNK))
def test_no_story_breaks_a_promise(start: int, memory: Path) -> None:
    for seed in range(start, min(start + CHUNK, FIRST + RUNS)):
        try:
            simulate(seed, memory)
        except Broken as broken:
            pytest.fail("\n".join([str(broken), "how it came to that:", *tell(seed, memory)[-40:]]), pytrace=False)


def test_the_interesting_things_do_happen(memory: Path) -> None:
    had: Counter[str] = Counter()
    for seed in range(300):
        had.update(simulate(seed, memory).keys())
    for what in (
        "crash", "reboot", "fault environment", "fault storage", "adopted alive", "cancelled", "conflict", "replay", "land refused",
        "ended conflict", "ended empty", "ended gate_failed", "ended gate_error", "ended interrupted", "ended timeout",
        "ended stall", "ended unavailable", "ended refused", "run finished", "run failed", "run needs_human", "verdict fail",
        "task.removed", "task.reopened", "target.moved", "attempt.candidate", "request", "request refused", "watch",
        "spec read again", "agent lazy", "agent liar", "agent cheater", "agent dying", "agent killed", "agent waiting",
        "agent hanging", "agent flooding", "agent plain", "agent late", "user say_again", "user skew", "squashed what landed",
    ):  # fmt: skip
        assert had[what] >= 3, f"{what} happened in {had[what]} of 300 stories"


def test_a_seed_always_tells_the_same_story(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the machine has another time, and is slow."""
    told = {seed: tell(seed, memory) for seed in range(20)}
    clock = itertools.count(0.0, 17.0)
    for name in ("time", "monotonic", "perf_counter"):
        monkeypatch.setattr(time, name, lambda: next(clock))
    for seed, story in told.items():
        assert tell(seed, memory) == story


# -- sabotage: each takes one safeguard away, and some story notices --------------------------------------------------------


async def _no_objections(*_args: object) -> list[Verdict]:
    return []


async def _nothing(*_args: object, **_kwargs: object) -> None: ...


def _lands_anywhere(land: Callable[..., bool]) -> Callable[..., bool]:
    return lambda self, commit, _expected: land(self, commit, self.tip)


def _forgets(commit: Callable[..., int]) -> Callable[..., int]:
    """A store that loses the last fact of a transaction now and then."""

    def forgetful(self: FakeStore, run: str, at: float, facts: Any, *rows: Any) -> int:
        return commit(self, run, at, facts[:-1] if len(facts) > 1 and len(self.log) % 7 == 0 else facts, *rows)

    return forgetful


def _needs_nothing(offer: Callable[..., None]) -> Callable[..., None]:
    def careless(self: Board, card: Card) -> None:
        card.missing = 0
        offer(self, card)

    return careless


SABOTAGE: dict[str, tuple[type, str, Callable[[Any], Any]]] = {
    "gates are not asked": (Judge, "judge", lambda _: _nothing),
    "inspectors are not asked": (Inspecting, "rejected", lambda _: _no_objections),
    "the target moves without compare-and-swap": (FakeDepot, "land", _lands_anywhere),
    "nobody waits until a fact is durable": (Ledger, "settled", lambda _: _nothing),
    "what landed before a crash is not noted": (Landing, "note", lambda _: _nothing),
    "left-over deliveries are forgotten": (Landing, "deliver_leftovers", lambda _: _nothing),
    "facts get lost": (FakeStore, "commit", _forgets),
    "needs are ignored": (Board, "_offer", _needs_nothing),
    "a running agent is not adopted": (FakeLauncher, "adopt", lambda _: _nothing),
    "what is told to end goes on": (FakeLauncher, "cancel", lambda _: lambda *_args: None),
    "nothing is set aside": (Purse, "hold", lambda hold: lambda self, *args, **_: hold(self, *args, paid=False)),
    "what agents left is thrown away": (FakeDepot, "take", lambda _: lambda *_args: None),
}


@pytest.mark.parametrize("what", SABOTAGE)
def test_sabotage_is_noticed(what: str, memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, change = SABOTAGE[what]
    monkeypatch.setattr(owner, name, change(getattr(owner, name)))
    begin = BEGIN_AT.get(what, 0)
    with pytest.raises(Broken, match=r"(?s)^seed=\d+: .+\nreproduce: python bench/sim.py --seed \d+ --trace$"):
        play(range(begin, begin + 1500), memory)


BEGIN_AT = {"what landed before a crash is not noted": 1000}
"""Where to begin with what few stories notice, one in some hundreds."""


def play(seeds: range, place: Path) -> None:
    for seed in seeds:
        simulate(seed, place)


# -- the fakes themselves ---------------------------------------------------------------------------------------------------------


def test_virtual_time_jumps_and_a_world_where_all_wait_is_a_hang() -> None:
    world = World(0)

    async def sleep() -> float:
        await asyncio.sleep(1000)
        return asyncio.get_running_loop().time()

    assert live(world, sleep()) == pytest.approx(1000)

    async def hang() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Violation, match="nothing will ever happen"):
        live(world, hang())


@pytest.mark.parametrize(
    ("one", "two", "merged"),
    [
        ("A\nb\nc", "a\nb\nC", "A\nb\nC"),
        ("a\nb\nc\nd", "A\nb\nc", "A\nb\nc\nd"),
        ("x\na\nb\nc", "a\nb\nc\ny", "x\na\nb\nc\ny"),
        ("A\nb\nc", "X\nb\nc", None),
        ("a\nb\nc\nd", "a\nb\nc\ne", None),
    ],
)
def test_lines_are_merged_as_git_would(one: str, two: str, merged: str | None) -> None:
    assert merge_lines("a\nb\nc", one, two) == merged


@pytest.mark.parametrize(
    ("port", "fake"),
    [
        (Store, FakeStore),
        (Depot, FakeDepot),
        (Launcher, FakeLauncher),
        (Agent, FakeAgent),
        (Gate, FakeGate),
        (Inspector, FakeInspector),
        (Meter, FakeMeter),
    ],
)
def test_fakes_offer_what_the_port_asks_for_and_nothing_is_forgotten(port: type, fake: type) -> None:
    asked = {name for name in vars(port) if not name.startswith("_")}
    assert asked
    assert asked <= {name for name in vars(fake) if not name.startswith("_")}
