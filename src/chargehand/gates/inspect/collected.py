"""Whether as many tests are collected, and no more are skipped, as on the base: by what the gate's program itself tells.

What takes tests out of a run need not stand in any test: a setting, a name, a line in a module they import. The count shows it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from chargehand.gates.inspect.globs import listed, named
from chargehand.gates.inspect.judged import PREFIX, failed, finding
from chargehand.gates.inspect.tests_in import is_test
from chargehand.model.work import Finding, Tests, Verdict
from chargehand.ports import Change, Sight

NAME = PREFIX + "collected"
_FIX = "put back what is missing; tests are only taken away by a task that names their file"
_CASE = re.compile(r"\[[^\n]*\]$")
_STEP = re.compile(r"::|\.|#| > ")


def weigh(gate: str, base: Tests, now: Tests, change: Change, sight: Sight) -> Verdict | None:
    """An objection, when a gate collects fewer tests than it does on the base, or skips more, and the task does not name their
    files. Where the program lists its tests, they are compared by name: a test may move to another file, or get other cases."""
    if base.partial or now.partial:
        return None
    mine = [path for path in change.files if is_test(path) and named(change.task, path)]
    told = [] if mine and now.skipped > base.skipped else list(_skipped(base, now))
    if base.ids and now.ids:
        told += _missing(base.ids, now.ids, change, sight, mine)
    elif base.passed and now.collected < base.collected and not mine:  # a lint report counts what is wrong
        fewer = (
            f"{base.collected - now.collected} fewer tests are collected than on the base ({base.collected}, now {now.collected})"
        )
        told.append(finding(NAME, "", fewer, fix=_FIX, severity="critical"))
    if not told:
        return None
    return failed(NAME, change, f"gate {gate}: " + listed([one.evidence for one in told]), told)


def _skipped(base: Tests, now: Tests) -> Iterator[Finding]:
    if now.skipped > base.skipped:
        more = f"{now.skipped} tests are skipped, {base.skipped} on the base"
        yield finding(NAME, "", more, fix="let them run", severity="critical")


def _missing(before: tuple[str, ...], after: tuple[str, ...], change: Change, sight: Sight, mine: list[str]) -> Iterator[Finding]:
    left = Counter(_stem(one) for one in after)
    files = {path.rpartition(".")[0].replace("/", "."): path for path in sight.list(change.base) if is_test(path)}
    gone: dict[str, str] = {}
    for one in before:
        stem = _stem(one)
        if left[stem] > 0:
            left[stem] -= 1
        else:
            gone.setdefault(one, _file(one, files))
    for one, path in gone.items():
        if not (named(change.task, path) if path else mine):
            yield finding(NAME, path, f"{one} is not collected any more", fix=_FIX, severity="critical")


def _stem(one: str) -> str:
    """The test's own name, without where it is and which of its cases this is."""
    return _STEP.split(_CASE.sub("", one))[-1]


def _file(one: str, files: dict[str, str]) -> str:
    """The file of the base a test is in, as far as its name tells."""
    if path := next((path for path in files.values() if one.startswith((f"{path}::", f"{path}."))), ""):
        return path
    parts = _CASE.sub("", one).replace("::", ".").split(".")
    return next((files[name] for n in range(len(parts), 0, -1) if (name := ".".join(parts[:n])) in files), "")
