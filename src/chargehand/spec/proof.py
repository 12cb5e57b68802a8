"""How a task of a ``tasks.md`` wants to be proven, and what it may touch: its rarer labels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from chargehand.model.task import Proof
from chargehand.spec.refs import is_none
from chargehand.spec.report import Report
from chargehand.spec.scan import Block, Ref

MODES = ("standard", "tdd", "verify_first")

_SCENARIO = re.compile(r"(?:(?P<code>[A-Z]{2,6}):)?[A-Z]{3}-[0-9]+[a-z]?\Z")
_WAIVER = re.compile(r"(?P<kind>[\w-]+)[ \t]*·[ \t]*sanction:[ \t]*(?:batch-approve-[0-9]{4}-[0-9]{2}-[0-9]{2}|[\w./-]+#[0-9]+)\Z")
_WAIVERS = ("characterisation",)
_ABSOLUTE = re.compile(r"[/\\~]|[A-Za-z]:")


def read_proof(block: Block, report: Report) -> Proof | None:
    """What the labels Mode, Verifies, Scenarios, TDD-waiver and Negative-control say; None when there are none of them."""
    reader = _Reader(block, report)
    mode, waiver = reader.mode(), reader.waiver()
    if waiver and mode not in {"", "standard"}:
        reader.fault(block.says["waiver"][0], f"a waiver is for the mode standard, and this is {mode}", "remove one of them")
    proof = Proof(
        mode=mode, verifies=reader.verifies(), scenarios=reader.scenarios(), waiver=waiver, negative_control=reader.control()
    )
    return None if proof == _NONE else proof


_NONE = Proof()


def read_touches(block: Block, report: Report) -> tuple[str, ...]:
    """The paths and globs behind "Touches"."""
    reader = _Reader(block, report)
    found: dict[str, None] = {}
    for at, name in reader.listed("touches"):
        path = name.removeprefix("./").rstrip()
        why = unsafe(path)
        if why:
            reader.fault(at, f'"{name[:60]}" {why}', "name paths or globs below the project, such as src/auth/**", "task-touches")
        else:
            found[path] = None
    return tuple(found)


def unsafe(path: str) -> str:
    """Why a path cannot be one below the project root; empty when it can."""
    if _ABSOLUTE.match(path):
        return "is not relative to the project"
    if ".." in path.split("/"):
        return "leads out of the project"
    if not path or not path.isprintable():
        return "is not a path"
    if " " in path and not set(path) & set("/.*"):
        return "is not a path"
    return ""


class _Reader:
    def __init__(self, block: Block, report: Report) -> None:
        self.block = block
        self.report = report

    def fault(self, at: Ref, message: str, hint: str, code: str = "task-proof") -> None:
        line, offset, _ = at
        self.report.add(code, f"{self.block.id}: {message}", line, offset + 1, hint=hint)

    def one(self, kind: str) -> Ref | None:
        """The last line of that kind that says something."""
        said = [ref for ref in self.block.says.get(kind, ()) if not is_none(ref[2])]
        return said[-1] if said else None

    def listed(self, kind: str) -> Iterator[tuple[Ref, str]]:
        """The parts of comma lists, without backticks; a comma inside brackets does not part."""
        for line, offset, text in self.block.says.get(kind, ()):
            if is_none(text):
                continue
            at = offset
            for part in re.split(r",(?![^\[]*\])", text):
                name = part.strip().strip("`").strip()
                if name:
                    yield (line, at + len(part) - len(part.lstrip()), part), name
                at += len(part) + 1

    def mode(self) -> str:
        ref = self.one("mode")
        if ref is None:
            return ""
        word = ref[2].strip().strip("`").lower()
        if word not in MODES:
            near = next(iter(get_close_matches(word, MODES, n=1)), "")
            hint = f"did you mean {near}?" if near else f"it is one of {', '.join(MODES)}"
            self.fault(ref, f'"{word[:40]}" is no mode', hint)
            return ""
        return word

    def verifies(self) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for ref, name in self.listed("verifies"):
            if re.search(r"\[[^\]]*,", name):
                self.fault(ref, "a comma in brackets: one thing to verify, or several?", "write each of them by itself")
            found[name] = None
        return tuple(found)

    def scenarios(self) -> tuple[str, ...]:
        found: dict[str, None] = {}
        kinds = set()
        for ref, name in self.listed("scenarios"):
            match = _SCENARIO.match(name)
            if not match:
                self.fault(
                    ref, f'"{name[:40]}" is no scenario', "write ids such as LOG-1, LOG-2b, all with a code (WEB:LOG-1) or none"
                )
                continue
            found[name] = None
            kinds.add(bool(match["code"]))
            if len(kinds) > 1:
                self.fault(ref, "some scenarios have a code, some have none", "write all of them in the same way")
        return tuple(found)

    def waiver(self) -> str:
        ref = self.one("waiver")
        if ref is None:
            return ""
        text = ref[2].strip()
        match = _WAIVER.match(text)
        if not match or match["kind"] not in _WAIVERS:
            self.fault(ref, "this is no waiver", 'write "characterisation · sanction: OWNER/REPO#12"')
            return ""
        return text

    def control(self) -> str:
        ref = self.one("control")
        if ref is None:
            return ""
        text = ref[2].strip()
        path, _, selector = text.partition(" :: ")
        if text.count(" :: ") != 1 or not selector.strip() or unsafe(path.strip().strip("`")):
            self.fault(ref, "this is no negative control", 'write "PATH.patch :: SELECTOR"')
            return ""
        return text
