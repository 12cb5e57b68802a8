"""The merge queue under load, in virtual time: landings an hour, and runs of the gates for each. Run: python bench/landing.py

The engine is the real one, on the simulator's fakes, without faults: tasks are done at once, a gate takes three minutes (longer
where more run than there are cores), and some changes are red together with another one that is done at the same time. Beside it,
by arithmetic on the same changes: a serial queue (each merged result is judged before the next one begins), and merging without
judging what is merged.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from itertools import pairwise, product
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.sim import spec
from tests.sim.agents import SPEC, Deed, FakeAgent, FakeGate
from tests.sim.depot import FakeDepot, Tree, Watch
from tests.sim.launcher import FakeLauncher, Shim
from tests.sim.loop import live
from tests.sim.store import FakeStore
from tests.sim.world import FakeClock, World

from chargehand.engine.crew import Crew
from chargehand.model.config import Config, RetryConfig, TimeoutConfig
from chargehand.model.facts import Event, TaskLanded
from chargehand.ports import Launch
from chargehand.service.running import Order, _run
from chargehand.spec.load import load

GATE_S = 180.0
POLICIES: dict[str, dict[str, Any]] = {
    "one by one (`group = 1`)": {"group": 1},
    "groups of up to 8 (the default)": {"group": 8},
    '`rejudge = "overlap"`': {"rejudge": "overlap"},
}


def green(tree: Tree) -> bool:
    """A sour change is red together with its neighbour, the one before it."""
    mine = {path: text for path, text in tree.items() if path.startswith("src/")}
    return not any(text != "sweet" and f"src/{text}.txt" in mine for text in mine.values())


class Calm(World):
    """Nothing goes wrong, and there is no end to it."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.storm, self.delay_rate = False, 0.0

    def point(self, what: str) -> None: ...

    def check_time(self) -> None: ...


class Machine(FakeLauncher):
    """Agents are done in a second; a gate takes its three minutes. ``runs``: how many gates ran."""

    runs = 0

    def _start(self, launch: Launch) -> None:
        place = Path(launch.cwd).name
        tree = self._depot.workspaces[place].tree
        if place.endswith(".gate"):
            Path(launch.directory).mkdir()
            self.runs += 1
            busy = 1 + sum(shim.place.endswith(".gate") and self.alive(shim) for shim in self.shims.values())
            deed = Deed((), GATE_S * max(1.0, busy / self.cores), code=0 if green(tree) else 1)
        else:
            task = launch.env["CHARGEHAND_TASK_ID"]
            deed = Deed(((0.5, f"src/{task}.txt", self.beside.get(task, "sweet")),), 1.0)
        self.shims[launch.directory] = Shim(launch, deed, self._world.now)

    cores = 0
    beside: Mapping[str, str] = {}
    """Sour changes, and whom they cannot stand."""


class Seen(Watch):
    """Every tip the target has; ``red``: how many of them were."""

    def __init__(self, launcher: FakeLauncher) -> None:
        self._launcher, self.red = launcher, 0

    def emptying(self, name: str) -> None:  # noqa: ARG002
        self._launcher.catch_up()

    def landing(self, commit: Any, expected: str) -> None:  # noqa: ARG002
        self.red += not green(commit.tree)


class Heard:
    """The port ``Viewer``: what is told is counted."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.landed: list[float] = []

    def begin(self, runner: object) -> None: ...

    def note(self, message: str) -> None: ...

    def hear(self, event: Event) -> None:
        if isinstance(event.fact, TaskLanded):
            self.landed.append(self._world.now)


class Row(NamedTuple):
    per_hour: float
    runs: float
    red: int
    landed: int


def play(seed: int, tasks: int, jobs: int, cores: int, sour: float, settings: Mapping[str, Any]) -> Row:
    """One run of the engine, from the first agent to the last landing."""
    world = Calm(seed)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        root, state = Path(name) / "project", Path(name) / "state"
        (root / "spec").mkdir(parents=True)
        text = spec.first(world.rng, tasks, (0,))
        config = Config(
            agent="fake",
            jobs=jobs,
            target="main",
            retry=RetryConfig(attempts=1),
            timeouts=TimeoutConfig(task_minutes=1e3),
            **settings,
        )
        depot = FakeDepot(world, state, {SPEC: text, "README": "read\n"})
        launcher = Machine(world, depot)
        launcher.cores = cores
        launcher.beside = pairs(world, text, sour)
        agent = launcher.agent = FakeAgent(world, config, lambda place: launcher.shims[place].report)
        seen = depot.watch = Seen(launcher)
        heard = Heard(world)

        async def offload(function: Any, /, *args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        def surroundings(home: Path) -> dict[str, str]:
            home.mkdir(parents=True, exist_ok=True)
            return {}

        crew = Crew(
            root=root, state=state, config=config, spec=load(text.encode(), SPEC), clock=FakeClock(world), store=FakeStore(world),
            launcher=launcher, depot=depot, agent="fake", agents={"fake": agent},
            gates=(FakeGate(world, "tests", depot, launcher.run),), ambient={}, surroundings=surroundings, offload=offload,
        )  # fmt: skip
        live(world, _run(config, crew, Order(every=True), None, heard))
    hours = (heard.landed[-1] - heard.landed[0]) / 3600
    return Row((len(heard.landed) - 1) / hours, launcher.runs / tasks, seen.red, len(heard.landed))


def pairs(world: World, text: str, sour: float) -> dict[str, str]:
    """Tasks that are red together with the one before them, and that one."""
    names = spec.ids(text)
    return {two: one for one, two in pairwise(names) if world.chance(sour)}


def naive(seed: int, tasks: int, sour: float) -> int:
    """Merging what was judged alone, in the order of the spec: after how many landings the target is red."""
    world = Calm(seed)
    text = spec.first(world.rng, tasks, (0,))
    first = min((spec.ids(text).index(task) for task in pairs(world, text, sour)), default=tasks)
    return tasks - first


def main() -> int:
    """Print the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--tasks", type=int, default=200)
    arguments.add_argument("--jobs", type=int, nargs="*", default=[16])
    arguments.add_argument("--cores", type=int, nargs="*", default=[4, 16])
    arguments.add_argument("--sour", type=float, nargs="*", default=[0.02, 0.05, 0.15], help="shares of changes red in company")
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    shares = " | ".join(f"{share:.0%}" for share in given.sour)
    print(f"| policy | jobs | cores | {shares} | red tips |\n|---|---|---|{'---|' * len(given.sour)}---|", flush=True)
    for jobs, cores, (policy, settings) in product(given.jobs, given.cores, POLICIES.items()):
        rows = [play(given.seed, given.tasks, jobs, cores, share, settings) for share in given.sour]
        cells = [f"{row.per_hour:.0f}/h ({row.runs:.2f})" for row in rows]
        print(f"| {policy} | {jobs} | {cores} | {' | '.join(cells)} | {sum(row.red for row in rows)} |", flush=True)
    serial = [f"{3600 / GATE_S * (1 - share):.0f}/h (2.00)" for share in given.sour]
    print(f"| serial queue | any | any | {' | '.join(serial)} | 0 |")
    blind = [naive(given.seed, given.tasks, share) for share in given.sour]
    told = " | ".join(f"red for {red} of {given.tasks}" for red in blind)
    print(f"| merged without judging it | any | any | {told} | {sum(blind)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
