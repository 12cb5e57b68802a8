"""Our own format: a ``tasks.md`` with TOML front matter between ``+++`` lines, for what the Markdown cannot say.

``[tasks.ID]`` holds the keys of one task, ``[defaults]`` those of all that do not say otherwise.
"""

from __future__ import annotations

import re
import tomllib
from difflib import get_close_matches
from typing import Annotated, Any

import msgspec

from chargehand.model.task import Evidence, Proof, Task, Terms
from chargehand.spec import spec_runner
from chargehand.spec.digest import digest
from chargehand.spec.formats import CERTAIN, NO, Parsed
from chargehand.spec.lines import cut
from chargehand.spec.proof import MODES, unsafe
from chargehand.spec.report import Report
from chargehand.spec.ticks import mark

__all__ = ["NAME", "Keys", "mark", "parse", "recognise"]

NAME = "chargehand"

MAX_FRONT = 1_000_000

_PLACE = re.compile(r"(.*) \(at (?:line ([0-9]+), column ([0-9]+)|end of document)\)\Z", re.DOTALL)
_AT = re.compile(r" - at `\$\.?([^`]*)`\Z")
_TABLES = ("defaults", "tasks")
Positive = Annotated[float, msgspec.Meta(gt=0, lt=1e9)]


class Keys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may stand in ``[tasks.ID]`` and ``[defaults]``. See ``Task``, ``Terms`` and ``Proof``."""

    touches: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    context: str = ""
    manual: bool = False
    evidence: Evidence | None = None
    agent: str = ""
    model: str = ""
    gates: tuple[str, ...] | None = None
    budget_usd: Annotated[float, msgspec.Meta(ge=0, lt=1e9)] | None = None
    timeout_minutes: Positive | None = None
    attempts: Annotated[int, msgspec.Meta(ge=1, le=100)] | None = None
    command: str = ""
    prompt: str = ""
    log: str = ""
    mode: str = ""
    verifies: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()


def recognise(path: str, text: str) -> int:  # noqa: ARG001
    """A text that begins with ``+++`` and has tasks below it."""
    return CERTAIN if text[:10].lstrip("\ufeff").startswith("+++") else NO


def parse(text: str, path: str) -> Parsed:
    """As spec-runner's, and with the keys of the front matter."""
    alone = spec_runner.parse(text, path)
    front = _Front(Report(path, cut(text)))
    tables = front.tables()
    if tables is None:
        return Parsed(alone.tasks, (*front.report.sorted(), *alone.problems))
    tasks = front.applied(alone.tasks, tables)
    return Parsed(tasks, (*front.report.sorted(), *alone.problems))


class _Front:
    def __init__(self, report: Report) -> None:
        self.report = report
        self.lines = report.lines
        self.end = next((n for n in range(1, len(self.lines)) if self.lines[n].rstrip() == "+++"), 0)

    def tables(self) -> dict[str, Any] | None:
        """The front matter, read; None when it cannot be."""
        if not self.end:
            self.report.add("front-matter", "the front matter is never closed", 0, hint="close it with a line holding only +++")
            return None
        text = "\n".join(self.lines[1 : self.end])
        if len(text) > MAX_FRONT:
            self.report.add("too-large", "the front matter is too long", 0, hint="split the spec into several files")
            return None
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            message, line, column = self.place(str(error))
            self.report.add("front-matter", message, line, column, hint="correct the TOML between the +++ lines")
        except RecursionError:
            self.report.add("front-matter", "nested too deep", 0, hint="is this the right file?")
        except ValueError as error:
            self.report.add("front-matter", str(error)[:200], 0, hint="correct the TOML between the +++ lines")
        return None

    def place(self, message: str) -> tuple[str, int, int]:
        match = _PLACE.match(message)
        if not match or not match[2]:
            return (match[1] if match else message), min(self.end, len(self.lines) - 1), 1
        return match[1], min(int(match[2]), len(self.lines) - 1), int(match[3])

    def applied(self, tasks: tuple[Task, ...], tables: dict[str, Any]) -> tuple[Task, ...]:
        for name in tables:
            if name not in _TABLES:
                near = next(iter(get_close_matches(name, _TABLES, n=1)), "")
                hint = f"did you mean {near}?" if near else "there are [defaults] and [tasks.ID]"
                self.say(f'there is no table or key "{name[:60]}"', (name,), hint)
        defaults, each = tables.get("defaults", {}), tables.get("tasks", {})
        for name, value in (("defaults", defaults), ("tasks", each)):
            if not isinstance(value, dict):
                self.say(f'"{name}" is a table', (name,), f"write [{name}]" if name == "defaults" else "write [tasks.TASK-001]")
                return tasks
        known = {task.id for task in tasks}
        for name in each:
            if name not in known:
                near = next(iter(get_close_matches(name, known, n=1)), "")
                self.say(f'there is no task "{name[:60]}"', ("tasks", name), f"did you mean {near}?" if near else "remove it")
        whole = self.keys(defaults, ("defaults",))
        result = []
        for task in tasks:
            own = each.get(task.id, {})
            if not own and not defaults:
                result.append(task)
                continue
            keys = self.keys({**defaults, **own}, ("tasks", task.id)) if isinstance(own, dict) and own else whole
            if not isinstance(own, dict):
                self.say(f"{task.id} is a table", ("tasks", task.id), f"write [tasks.{task.id}]")
            result.append(_with(task, keys) if keys else task)
        return tuple(result)

    def keys(self, table: dict[str, Any], where: tuple[str, ...]) -> Keys | None:
        fine = {}
        for key, value in table.items():
            if key not in Keys.__struct_fields__:
                near = next(iter(get_close_matches(key, Keys.__struct_fields__, n=1)), "")
                self.say(f'there is no key "{key[:60]}"', (*where, key), f"did you mean {near}?" if near else "remove it")
                continue
            try:
                msgspec.convert({key: value}, Keys)
            except msgspec.ValidationError as error:
                self.say(f"{key}: {_AT.sub('', str(error))}", (*where, key), "see docs/spec.md for its type and range")
                continue
            fine[key] = value
        keys = msgspec.convert(fine, Keys)
        for path in (*keys.touches, *keys.files, *filter(None, (keys.prompt, keys.log))):
            if why := unsafe(path):
                self.say(f'"{path[:60]}" {why}', where, "name paths or globs below the project, such as src/auth/**")
        if keys.mode and keys.mode not in MODES:
            self.say(f'"{keys.mode[:40]}" is no mode', (*where, "mode"), f"it is one of {', '.join(MODES)}")
        return keys

    def say(self, message: str, where: tuple[str, ...], hint: str) -> None:
        """Report at the line of a key, as near as text tells."""
        found = 1
        for name in where:
            form = re.compile(rf"""(?:[ \t]*\[*|.*[.{{,][ \t]*)["']?{re.escape(name)}["']?[ \t]*(?:[.=\]]|\Z)""")
            found = next((n for n in range(found, self.end) if form.match(self.lines[n][:1000])), found)
        if not any(problem.message == message for problem in self.report.problems[-50:]):
            self.report.add("front-matter", message, found, 1, hint=hint)


def _with(task: Task, keys: Keys) -> Task:
    old = task.proof or Proof()
    terms = Terms(
        agent=keys.agent,
        model=keys.model,
        gates=keys.gates,
        budget_usd=keys.budget_usd,
        timeout_minutes=keys.timeout_minutes,
        attempts=keys.attempts,
        command=keys.command,
        prompt=keys.prompt,
        log=keys.log,
    )
    proof = msgspec.structs.replace(
        old, mode=old.mode or keys.mode, verifies=old.verifies or keys.verifies, scenarios=old.scenarios or keys.scenarios
    )
    task = msgspec.structs.replace(
        task,
        touches=task.touches or keys.touches,
        files=keys.files,
        tags=keys.tags,
        context=keys.context,
        manual=keys.manual,
        evidence=keys.evidence,
        terms=None if terms == Terms() else terms,
        proof=None if proof == Proof() else proof,
    )
    return msgspec.structs.replace(task, digest=digest(task))
