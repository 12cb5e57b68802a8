"""The programs as `make agents` installed them, in a network of their own, with a provider that follows a script."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clis.driving import Bench
from tests.clis.programs import PLACE, PROGRAMS, Program
from tests.kit.answers import Cost
from tests.kit.loopback import Loopback
from tests.kit.modelserver import ModelServer
from tests.kit.processes import around, described, send, until, words
from tests.run.conftest import Place

KEY = "sk-real-0123456789abcdefghijklmnopqrstuvwxyz"
"""The provider's key. No agent may ever see it."""

VARIABLE = "PROVIDER_KEY"
PRICE = {"input": 3.0, "output": 15.0, "cached": 0.3, "cache_write": 3.75}


def dollars(cost: Cost) -> float:
    """What the provider's answers cost at `PRICE`."""
    spent = cost.fresh * PRICE["input"] + cost.cached * PRICE["cached"] + cost.cache_write * PRICE["cache_write"]
    return (spent + cost.output * PRICE["output"]) / 1_000_000


@pytest.fixture(scope="session")
def net() -> Iterator[Loopback]:
    inside = Loopback()
    yield inside
    inside.close()


@pytest.fixture
def server(net: Loopback) -> Iterator[ModelServer]:
    with ModelServer(key=KEY, listen=net.listen) as running:
        yield running


@pytest.fixture
def program(request: pytest.FixtureRequest) -> Program:
    """The one that the test's parameter names; `each` and `quick` are the parameters."""
    chosen = PROGRAMS[request.param]
    if not (PLACE.parent / ".installed").exists():
        reason = "the agents' programs are not installed: make agents"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return chosen


@pytest.fixture
def bench(tmp_path: Path, program: Program, net: Loopback, server: ModelServer) -> Iterator[Bench]:
    subprocess.run(["git", "init", "--quiet", tmp_path / "workspace"], check=True)
    yield Bench(program, tmp_path, net, server)
    send(around(tmp_path), signal.SIGKILL)


class Site(Place):
    """A project whose one agent is the program. Everything it starts is in the network of its own."""

    def __init__(self, root: Path, program: Program, net: Loopback, server: ModelServer) -> None:
        super().__init__(root)
        self.program, self.net, self.server = program, net, server
        self.cage = "bwrap"

    def prepare(self, *scenarios: str, config: str = "", agent: str = "") -> None:
        """Tasks TASK-001 and so on, one for each scenario. ``config`` goes to the top of the settings, ``agent`` to the agent's.

        They are the user's own settings: a project's file could not say as much."""
        lines = ["# Tasks", ""]
        for number, scenario in enumerate(scenarios, 1):
            lines += [f"### TASK-{number:03}: Say hello", "🟠 P1 | ⬜ TODO | Est: 1h", "", f"SCENARIO: {scenario}", ""]
        self.write("spec/tasks.md", "\n".join(lines))
        price = "\n".join(f"{name} = {value}" for name, value in PRICE.items())
        self.own(
            f'agent = "c"\n{config}\n[agents.c]\nkind = "{self.program.kind}"\nprogram = "{self.program.path}"\n'
            f'model = "{self.program.model}"\nurl = "{self.server.url}"\nkey = "{VARIABLE}"\n{agent}\n'
            f'[prices."{self.program.model}"]\n{price}\n',
        )
        self.commit("the spec")

    def start(self, *args: str, env: dict[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
        given = {"PATH": f"{PLACE}:{os.environ['PATH']}", VARIABLE: KEY, "CHARGEHAND_CAGE": self.cage, **(env or {})}
        return self.net.call(lambda: super(Site, self).start(*args, env=given, **options))

    @contextlib.contextmanager
    def running(self) -> Iterator[subprocess.Popen[str]]:
        """A run under way. It is waited for, and ended when the test fails."""
        with self.start("run") as engine:
            try:
                yield engine
                engine.communicate(timeout=60)
            except BaseException:
                send(around(self.root), signal.SIGKILL)
                raise

    def until(self, engine: subprocess.Popen[str], true: Callable[[], object], what: str) -> None:
        """Wait for something to become true while the run is under way."""
        until(lambda: true() or engine.poll() is not None, what)
        assert true(), f"the run ended before it was true: {what}\n{engine.communicate()}"

    def attempts(self, task: str = "TASK-001") -> list[dict[str, Any]]:
        return list(self.json("show", task)["attempts"])

    def outcomes(self, task: str = "TASK-001") -> list[str]:
        return [attempt["outcome"] for attempt in self.attempts(task)]

    def content(self, path: str) -> str:
        """A file as it landed."""
        return self.git("show", f"main:{path}")

    def holders_of(self, text: str) -> list[str]:
        """Files of the project, of chargehand's and git's too, that hold ``text``."""
        found = subprocess.run(["grep", "-rlF", text, str(self.root)], capture_output=True, text=True, check=False)
        return found.stdout.splitlines()


@pytest.fixture
def site(
    git_repo: Callable[..., Path], require: Callable[..., str], program: Program, net: Loopback, server: ModelServer
) -> Iterator[Site]:
    """An empty project. When the test is over, nothing of it may run any more but the meter, which ends a little later."""
    require("bwrap", "--ro-bind", "/", "/", "true")
    root = git_repo()
    yield Site(root, program, net, server)
    left = described([pid for pid in around(root) if not any("agents.meter" in word for word in words(pid))])
    send(around(root), signal.SIGKILL)
    until(lambda: not around(root), "everything ends")
    shutil.rmtree(root, ignore_errors=True)  # the workspaces are large
    assert not left


each = pytest.mark.parametrize("program", PROGRAMS, indirect=True)
quick = pytest.mark.parametrize("program", [name for name, one in PROGRAMS.items() if not one.slow], indirect=True)


def each_with(name: str, *values: object) -> pytest.MarkDecorator:
    """Each program with each value of ``name``; the slow ones only with the first."""
    cases = [(kind, value) for kind, one in PROGRAMS.items() for value in (values[:1] if one.slow else values)]
    return pytest.mark.parametrize(("program", name), cases, indirect=["program"])
