"""Are the agents there, can they log in, do they still have the flags we use, and how is counted what they cost?"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from chargehand.agents.driver import Driver
from chargehand.agents.meter.routes import KEY_VARIABLES
from chargehand.agents.ours import Ours
from chargehand.agents.prices import unknown
from chargehand.agents.registry import make_agent
from chargehand.model.config import AgentConfig, AgentKind, Config
from chargehand.model.errors import ChargehandError
from chargehand.ports import Agent, Call
from chargehand.process.call import call
from chargehand.service import workplace
from chargehand.service.project import Project
from chargehand.service.setupoutputs import AgentObject

PATIENCE_S = 15.0
"""So long (seconds) a program is given to say its version or its flags, once for each version; some take long to start."""

# They work, but their help does not name them.
_UNLISTED = {"claude": frozenset({"--max-turns"})}
_FLAG = re.compile(r"(?<![\w-])--[a-z][\w-]*")
_VERSION = re.compile(r"\d+\.\d+[\w.+-]*")
_NPM_DEPTH = 4


class Look(NamedTuple):
    """What was found of an agent. ``trouble``: why it cannot work (empty: it can); ``doubt``: what else is to be said against it,
    and ``fix`` what mends either."""

    told: AgentObject
    trouble: str = ""
    doubt: str = ""
    fix: str = ""


class Known(msgspec.Struct):
    """What a program said of itself. Empty: it was not asked, or was too slow."""

    version: str = ""
    flags: list[str] = []


def examine(
    project: Project, config: Config, ambient: Mapping[str, str], cache: Path, patience_s: float = PATIENCE_S
) -> list[Look]:
    """Every agent of the settings, in their order. ``cache`` is a file that keeps what programs said of themselves; it is used as
    long as a program stays the same. No agent is called."""
    used = _used(config)
    with tempfile.TemporaryDirectory(prefix="chargehand-") as home, ThreadPoolExecutor(8) as pool:
        programs = Programs(cache, Path(home), ambient, patience_s)
        looks = list(pool.map(lambda name: _look(name, config, project, ambient, programs, name in used), config.agents))
    programs.save()
    return looks


def _used(config: Config) -> set[str]:
    """The agents a run may call; empty when none is chosen."""
    try:
        chosen = workplace.choose_agent(config)
    except ChargehandError:
        return set()
    reviewers = config.review.agents if config.review.policy != "off" else []
    return {chosen, config.retry.planner, *config.retry.escalate, *reviewers} - {""}


def access(name: str, config: Config, project: Project, ambient: Mapping[str, str]) -> tuple[str, str]:
    """Why the provider of an agent would turn it away, and what mends it; both empty where nothing speaks for that."""
    settings = config.agents[name]
    agent = make_agent(name, settings, project.root)
    login = settings.login and _logged_in(agent, ambient)
    return _access(agent, settings, "" if settings.login else _key(agent, settings, ambient), login=login)


def _look(name: str, config: Config, project: Project, ambient: Mapping[str, str], programs: Programs, used: bool) -> Look:
    settings = config.agents[name]
    told: AgentObject = {
        "name": name,
        "kind": settings.kind,
        "model": settings.model,
        "used": used,
        "version": "",
        "key": "",
        "login": False,
        "metering": "stream",
        "edits": True,
        "flags_checked": False,
        "missing_flags": [],
    }
    try:
        agent = make_agent(name, settings, project.root)
    except ChargehandError as error:
        return Look(told, error.message, fix=error.hint)
    trouble = agent.preflight()
    told["edits"] = agent.edits
    told["key"] = "" if settings.login else _key(agent, settings, ambient)
    told["login"] = settings.login and _logged_in(agent, ambient)
    told["metering"] = _metering(agent, config, told["key"])
    if trouble:
        message, _, hint = trouble.partition(" (hint: ")
        return Look(told, message.removeprefix(f"agent {name!r}: "), fix=hint.removesuffix(")"))
    if not isinstance(agent, Driver) or isinstance(agent, Ours):
        barred, fix = _access(agent, settings, told["key"], login=told["login"])
        return Look(told, barred, fix=fix)
    known = programs.known(Path(agent.executable(ambient)), _subcommand(agent))
    told["version"], told["flags_checked"] = known.version, bool(known.flags)
    wanted = _wanted(agent) - _UNLISTED.get(agent.program, frozenset())
    told["missing_flags"] = sorted(wanted - set(known.flags)) if known.flags else []
    if missing := told["missing_flags"]:
        return Look(told, "", f"this version does not know {', '.join(missing)}", f"update it: {agent.install}")
    barred, fix = _access(agent, settings, told["key"], login=told["login"])
    return Look(told, barred, fix=fix) if barred else Look(told, "", *_price(agent, config, told))


def _price(agent: Agent, config: Config, told: AgentObject) -> tuple[str, str]:
    """That nobody knows what its model costs, though somebody is paid; both empty otherwise."""
    if not (told["key"] and config.agents[agent.name].paid and told["metering"] == "gateway"):
        return "", ""
    said = unknown(agent.model, config.prices)
    return said, f'[prices."{agent.model}"] input = ..., output = ...' if said else ""


def _key(agent: Agent, settings: AgentConfig, ambient: Mapping[str, str]) -> str:
    """The variable that holds its provider's key; empty when none of those it could be is set."""
    usual = () if agent.own_server else KEY_VARIABLES.get(agent.api, ())
    names = (settings.key,) if settings.key else usual
    return next((name for name in names if ambient.get(name)), "")


def _logged_in(agent: Agent, ambient: Mapping[str, str]) -> bool:
    return any(Path(ambient.get("HOME", "/nonexistent"), name).exists() for name in agent.login)


def _metering(agent: Agent, config: Config, key: str) -> Literal["gateway", "stream"]:
    """Where the figures for its calls come from."""
    settings = config.agents[agent.name]
    if agent.api and config.meter and (key or agent.own_server or settings.url) and not settings.login:
        return "gateway"
    return "stream"


def _access(agent: Agent, settings: AgentConfig, key: str, *, login: bool) -> tuple[str, str]:
    """Why its provider will turn it away, and what mends it; both empty when nothing speaks for that."""
    if settings.login and not login:
        return "it is to use its own login, and there is none", f"log in with {settings.kind}, or set a key"
    if settings.login or key:
        return "", ""
    if settings.key:
        return f"{settings.key} is not set", f"export {settings.key}=..."
    if agent.api and not (settings.env or settings.url or agent.own_server):
        names = " or ".join(KEY_VARIABLES[agent.api])
        own = f", or set [agents.{agent.name}] login = true to use its own login" if agent.login else ""
        return f"no key: {names} is not set", f"export {KEY_VARIABLES[agent.api][0]}=...{own}"
    return "", ""


# --- what programs say of themselves --------------------------------------------------------------------------------------------


def _calls(agent: Driver) -> Iterator[tuple[str, ...]]:
    """Command lines of calls of all sorts, without the program."""
    base = Call(prompt="", workspace="/nonexistent", home="/nonexistent", session="s", instructions="i", schema="{}")
    for asked in (base, msgspec.structs.replace(base, session="", resume="r", fork=True, read_only=True)):
        yield agent.prepare(asked, {}).argv[1:]


def _wanted(agent: Driver) -> set[str]:
    """The long flags it is called with, but for those of the user."""
    used = {word.partition("=")[0] for argv in _calls(agent) for word in argv if _FLAG.match(word)}
    return used - {word.partition("=")[0] for word in agent.config.args}


def _subcommand(agent: Driver) -> tuple[str, ...]:
    first = next(_calls(agent))
    return (first[0],) if first and re.fullmatch(r"[a-z]+", first[0]) else ()


class Programs:
    """What programs say with ``--version`` and ``--help``, in a HOME of their own, and as far as it is known from earlier."""

    def __init__(self, cache: Path, home: Path, ambient: Mapping[str, str], patience_s: float) -> None:
        self._cache, self._home, self._patience_s = cache, home, patience_s
        self._env = {
            "HOME": str(home),
            "TMPDIR": str(home),
            "PATH": ambient.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
        }
        try:
            self._known = msgspec.json.decode(cache.read_bytes(), type=dict[str, Known])
        except (OSError, msgspec.MsgspecError):
            self._known = {}

    def known(self, program: Path, subcommand: tuple[str, ...]) -> Known:
        """Its version, and the flags its help names."""
        try:
            stat = program.stat()
        except OSError:
            return Known()
        mark = ":".join([os.path.realpath(program), str(stat.st_mtime_ns), str(stat.st_size), *subcommand])
        known = self._known.get(mark) or Known()
        known.version = known.version or _package_version(program)
        with ThreadPoolExecutor(2) as pool:
            version = None if known.version else pool.submit(self._version, program)
            flags = None if known.flags else pool.submit(self._flags, program, subcommand)
            known.version = version.result() if version else known.version
            known.flags = flags.result() if flags else known.flags
        self._known[mark] = known
        return known

    def save(self) -> None:
        """Keep what is complete, for the next time."""
        whole = {mark: known for mark, known in self._known.items() if known.version and known.flags}
        try:
            self._cache.parent.mkdir(parents=True, exist_ok=True)
            self._cache.write_bytes(msgspec.json.encode(whole))
        except OSError:
            return

    def _version(self, program: Path) -> str:
        found = _VERSION.search(self._said(program, "--version"))
        return found[0] if found else ""

    def _flags(self, program: Path, subcommand: tuple[str, ...]) -> list[str]:
        return sorted(set(_FLAG.findall(self._said(program, *subcommand, "--help"))))

    def _said(self, program: Path, *words: str) -> str:
        try:
            done = call([str(program), *words], cwd=self._home, env=self._env, timeout=self._patience_s)
        except ChargehandError:
            return ""
        return (done.stdout + done.stderr).decode(errors="replace")


def _package_version(program: Path) -> str:
    """The version of the npm package a program lies in: reading it is quicker than to start the program."""
    real = Path(os.path.realpath(program))
    if "node_modules" not in real.parts:
        return ""
    for folder in real.parents[:_NPM_DEPTH]:
        try:
            told = json.loads((folder / "package.json").read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(told, dict) and isinstance(told.get("version"), str):
            return str(told["version"])
    return ""


def found_programs() -> list[AgentKind]:
    """Kinds of agents whose program is installed: what ``init`` proposes."""
    return [kind for kind in _PROPOSED if shutil.which(kind)]


_PROPOSED: tuple[AgentKind, ...] = ("claude", "codex", "opencode", "pi", "gemini", "qwen", "droid", "aider")
