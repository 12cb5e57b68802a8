"""What an engine works with: the hands, the settings and the places."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from chargehand.model.config import Config
from chargehand.model.plugin import Plugin
from chargehand.model.redaction import Redactor
from chargehand.model.task import Spec
from chargehand.ports import Agent, Cage, Clock, Depot, Forge, Gate, Inspector, Launcher, Meter, Store

P = ParamSpec("P")
T = TypeVar("T")


class Offload(Protocol):
    """Call something that blocks without holding up the loop."""

    async def __call__(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...


@dataclass(kw_only=True)
class Crew:
    """``root`` is the user's project, ``state`` our folder in it. ``depot`` is None when nothing is to be landed (tasks that are
    commands, run in place). ``agent`` names the default of ``agents``. ``surroundings`` makes the environment of a child with a
    private home. ``cage`` keeps a child to its workspace, ``meter`` counts and limits what its model costs (None: neither).
    ``hidden`` is what no caged child sees. ``trusts`` tells of a commit whether agents may obey the settings in it. ``spec``
    changes when it is read again. ``into`` is the branch a run's own branch is offered to (empty: it lands on the target itself),
    ``forge`` opens the pull request for it. ``plugins`` are those that may run, looked at anew each time.
    ``regenerators`` are commands that make a file anew, by its name."""

    root: Path
    state: Path
    config: Config
    spec: Spec
    clock: Clock
    store: Store
    launcher: Launcher
    depot: Depot | None
    agent: str
    agents: Mapping[str, Agent]
    gates: tuple[Gate, ...]
    ambient: Mapping[str, str]
    surroundings: Callable[[Path], dict[str, str]]
    offload: Offload
    inspectors: tuple[Inspector, ...] = ()
    cage: Cage | None = None
    meter: Meter | None = None
    hidden: tuple[str, ...] = ()
    trusts: Callable[[str], bool] = lambda _commit: False
    regenerators: Mapping[str, Gate] = field(default_factory=dict)
    plugins: Callable[[], Sequence[Plugin]] = tuple
    into: str = ""
    forge: Forge | None = None
    redactor: Redactor = field(default_factory=Redactor)

    def agent_of(self, name: str) -> Agent:
        """The agent of that name; the default one for a name that has left the settings."""
        return self.agents.get(name) or self.agents[self.agent]

    def place(self, attempt: str) -> Path:
        """The private folder of an attempt: prompt, transcript, exit, home."""
        return self.state.joinpath("attempts", attempt)
