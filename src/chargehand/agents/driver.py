"""What the drivers of CLIs have in common: where the program is, whose key it gets, how its transcript is read."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from chargehand.agents import story
from chargehand.agents.prices import Price, price_of
from chargehand.agents.stream import Reader
from chargehand.model.config import AgentConfig, PriceConfig
from chargehand.model.errors import ConfigProblem
from chargehand.model.signals import Signal
from chargehand.model.work import Exit, Report, Tally
from chargehand.ports import Api, Call, Gateway, Prepared

_SYSTEM = ("/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/", "/etc/")


class Driver:
    """An `Agent` that is a program with a stream of JSON lines. A kind says in its class what it is, and how a call is prepared.

    ``endless``: it has no limit of turns itself. ``program``: the executable's name. ``install``: the command that installs it.
    ``speaks``: the protocols it can be made to speak, the usual one first. ``key``: the variable that holds its provider's key.
    ``sums``: what its last word tells of the whole session (see `story.Story.report`). ``prices``: what the user says of his
    models.
    """

    endless: ClassVar[bool] = False
    program: ClassVar[str]
    install: ClassVar[str]
    speaks: ClassVar[tuple[Api, ...]]
    key: ClassVar[str]
    login: tuple[str, ...] = ()
    login_hosts: tuple[str, ...] = ()
    sums: ClassVar[frozenset[str]] = frozenset()
    reader: ClassVar[Reader]
    prices: Mapping[str, PriceConfig]
    edits = True
    resumes = True
    own_server = ""

    def __init__(self, name: str, config: AgentConfig, root: Path) -> None:
        if config.api and config.api not in self.speaks:
            speaks = ", ".join(self.speaks)
            raise ConfigProblem(f"agent {name!r}: {self.program} does not speak {config.api}", hint=f"it speaks {speaks}")
        self.name = name
        self.prices = {}
        self.model = config.model
        self.paid = config.paid
        self.api: Api = config.api or self.speaks[0]
        self.turns = config.max_turns if self.endless else 0
        self.config = config
        program = config.program or self.program
        self._program = str((root / program).absolute()) if "/" in program else program

    def prepare(self, call: Call, ambient: Mapping[str, str]) -> Prepared:
        """How a call is started."""
        raise NotImplementedError

    def preflight(self) -> str:
        """Why this agent cannot run here (empty: it can)."""
        if shutil.which(self._program):
            return ""
        where = "does not exist" if "/" in self._program else "was not found on PATH"
        return (
            f"agent {self.name!r}: {self._program} {where} (hint: install with {self.install}, or set [agents.{self.name}] program)"
        )

    def places(self) -> tuple[str, ...]:
        """Files and folders the program needs to read beyond the system's own: where it is installed."""
        found = shutil.which(self._program)
        return installed(Path(found)) if found else ()

    def signals(self, line: bytes) -> Iterator[Signal]:
        """What one line of its output tells. A line nobody knows tells nothing."""
        return self.reader.signals(line)

    def report(self, stdout: Path, exit_: Exit, before: Tally) -> Report:
        """What the transcript (``stderr.log`` lies beside ``stdout``) says; ``before`` is the session's sum until then."""
        log = story.last_words(stdout.with_name("stderr.log"))
        return story.tell(self.told(stdout)).report(exit_, log, before, self.sums, self.price)

    def told(self, stdout: Path) -> Iterator[Signal]:
        """All that a transcript tells a report."""
        return self.reader.read(stdout)

    @property
    def price(self) -> Price | None:
        """What its model costs; None when that is not known."""
        return price_of(self.model, self.prices) if self.model else None

    def executable(self, ambient: Mapping[str, str]) -> str:
        """The program as it is started: with its path, so that no folder the agent writes to can come first."""
        return shutil.which(self._program, path=ambient.get("PATH")) or self._program

    def access(self, call: Call, ambient: Mapping[str, str]) -> Gateway:
        """Where the model is and the key for it; empty: the program's own address, the program's own login."""
        if call.gateway:
            return call.gateway
        key = "" if self.config.login else ambient.get(self.config.key or self.key, "")
        return Gateway(self.config.url.rstrip("/"), key)

    def versioned(self, url: str) -> str:
        """An address as programs of the OpenAI kind want it: with the version as the last part of its path."""
        return url if re.search(r"/v\d+$", url) else f"{url}/v1"

    def passed(self, ambient: Mapping[str, str]) -> dict[str, str]:
        """What of the user's environment the settings name."""
        return {name: ambient[name] for name in self.config.env if name in ambient}

    def instructions(self, call: Call) -> str:
        """What is added to the system prompt: what the settings say, then what the call says."""
        return "\n\n".join(text for text in (self.config.instructions, call.instructions) if text)


def installed(program: Path) -> tuple[str, ...]:
    """What must be readable for a program to run: itself, the packages around it, its interpreter; without what the system has."""
    real = Path(os.path.realpath(program))
    needed = [program, _package(real)]
    if interpreter := _interpreter(real):
        needed += [interpreter, _prefix(Path(os.path.realpath(interpreter)))]
    return beyond_system(needed)


def beyond_system(needed: Iterable[Path]) -> tuple[str, ...]:
    """What of these the system does not have for everybody; never the user's HOME, or what holds it."""
    home = Path.home()
    kept = (str(path) for path in needed if not f"{path}/".startswith(_SYSTEM) and not home.is_relative_to(path))
    return tuple(dict.fromkeys(kept))


def _package(real: Path) -> Path:
    """The folder with the program's package and those beside it that it needs; the program itself when it stands alone."""
    parts = real.parts
    for marker in (".pnpm", "node_modules"):
        if marker in parts:
            return Path(*parts[: parts.index(marker) + 1])
    environment = real.parent.parent
    return environment if (environment / "pyvenv.cfg").exists() else real


def _interpreter(real: Path) -> Path | None:
    try:
        with real.open("rb") as file:
            head = file.readline(512)
    except OSError:
        return None
    if not head.startswith(b"#!"):
        return None
    words = head[2:].decode(errors="replace").split()
    names = [word for word in words[1:] if not word.startswith("-")] if words and words[0].endswith("/env") else words[:1]
    found = shutil.which(names[0]) if names else None
    return Path(found) if found else None


def _prefix(real: Path) -> Path:
    """Where an interpreter has its libraries: beside its ``bin``; a lone executable has none."""
    prefix = real.parent.parent
    alone = real.parent.name != "bin" or prefix == Path.home() or Path.home().is_relative_to(prefix)
    return real if alone else prefix
