"""Which tasks a "Depends on" line names. Nothing in it that might be a need is passed over in silence."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from functools import cached_property
from typing import NamedTuple

from chargehand.spec.grammar import ID, fold

_NONE = re.compile(r"(?:[-–—]+|none|no|nothing|null|nil|n/?a|нет)(?![\w-])", re.IGNORECASE)
_DASHES = frozenset({"", "-", "—", "–"})
_LINK = re.compile(r"\]\([^()]*\)")
_REMARK = re.compile(r"\([^()]*\)")
_WORD = r"(?<![\w-])[^\W\d_][^\W_]{0,63}[-‐‑–][0-9]+(?:[^\W_]*)(?!\w)"
_REF = re.compile(
    rf"(?P<left>\[[ \t`]*)?(?P<first>{_WORD})(?P<mid>[ \t`]*\])?"
    rf"(?:(?P<op>[ \t]*(?:\.{{2,3}}|…|–)[ \t]*|[ \t]+(?:to|through|thru)[ \t]+|[ \t]*[-—][ \t]*(?=\[?[^\W\d_]\w*-[0-9])|-(?=[0-9]))"
    rf"\[?(?P<last>{_WORD}|[0-9]+(?!\w)))?(?P<right>[ \t`]*\])?"
)
_BRACKETED = re.compile(r"\[([^\[\]]*)\]")
_PLAIN_TRACES = re.compile(r"\[[A-Z][A-Z0-9-]*-[0-9]+\](?:, \[[A-Z][A-Z0-9-]*-[0-9]+\])*")
_TRACE = re.compile(
    r"(?:\[[ \t`]*(?P<a>[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)*-[0-9]+)[^\[\]]*\]|(?<![\w-])(?P<b>(?:REQ|NFR|DESIGN)-[0-9]+)(?![\w-]))"
    r"(?P<op>[ \t]*(?:\.{2,3}|…|–))?"
)
_MAX_TRACES = 200
_CLOSE_LOOKUPS = 20
_CLOSE_IDS = 5_000


class Fault(NamedTuple):
    """Something unreadable at an offset of the text."""

    offset: int
    code: str
    message: str
    hint: str


class Names:
    """The ids of a spec, and how to find those that were meant."""

    def __init__(self, ids: Iterable[str]) -> None:
        self.ids = dict.fromkeys(ids)
        self._lookups = 0

    @cached_property
    def prefixes(self) -> frozenset[str]:
        return frozenset(task_id.partition("-")[0] for task_id in self.ids)

    @cached_property
    def _by_key(self) -> dict[tuple[str, str], str]:
        return {_key(task_id): task_id for task_id in reversed(self.ids)}

    @cached_property
    def _ordered(self) -> dict[str, list[tuple[tuple[int, str], str]]]:
        ordered: dict[str, list[tuple[tuple[int, str], str]]] = {prefix: [] for prefix in self.prefixes}
        for task_id in self.ids:
            prefix, _, number = task_id.partition("-")
            ordered[prefix].append((_size(number), task_id))
        for listed in ordered.values():
            listed.sort()
        return ordered

    def between(self, first: str, last: str) -> list[str]:
        """The ids of one prefix from ``first`` to ``last``, both known."""
        prefix, _, low = first.partition("-")
        listed = self._ordered[prefix]
        start = bisect_left(listed, _size(low), key=lambda entry: entry[0])
        end = bisect_right(listed, _size(last.partition("-")[2]), key=lambda entry: entry[0])
        return [task_id for _, task_id in listed[start:end]]

    def nearest(self, name: str) -> str:
        """The id that was probably meant, or an empty string."""
        near = self._by_key.get(_key(fold(name)))
        if near or self._lookups >= _CLOSE_LOOKUPS or len(self.ids) > _CLOSE_IDS:
            return near or ""
        self._lookups += 1
        folded = {fold(task_id): task_id for task_id in self.ids}
        return next((folded[near] for near in get_close_matches(fold(name), folded, n=1)), "")


def read_needs(text: str, names: Names) -> tuple[list[str], list[Fault]]:
    """The ids ``text`` names, in order and once each, and what could not be understood."""
    listed = plain_needs(text, names)
    return _Reader(text, names).read() if listed is None else (list(listed), [])


def plain_needs(text: str, names: Names) -> tuple[str, ...] | None:
    """The ids of a line in the usual form, ``[TASK-001], [TASK-002]`` or a dash; None when it has another, or an unknown id."""
    value = text.strip()
    if value in _DASHES:
        return ()
    listed = value[1:-1].split("], [")
    if value[0] != "[" or value[-1] != "]" or not names.ids.keys() >= set(listed):
        return None
    return tuple(dict.fromkeys(listed))


def names_tasks(text: str, names: Names) -> bool:
    """Whether any word of ``text`` has the form of this spec's ids."""
    return any(fold(match["first"]).partition("-")[0] in names.prefixes for match in _REF.finditer(text))


def is_none(text: str) -> bool:
    """Whether ``text`` says that there is nothing: empty, a dash, "none", "n/a"."""
    value = text.strip()
    return not value or _NONE.match(value) is not None


def read_traces(text: str) -> tuple[str, ...]:
    """The requirement and design ids a "Traces to" line names; ``[REQ-001]..[REQ-004]`` is spelled out."""
    value = text.strip()
    if _PLAIN_TRACES.fullmatch(value):
        return tuple(dict.fromkeys(value[1:-1].split("], [")))
    found: dict[str, None] = {}
    start = ""
    for match in _TRACE.finditer(text):
        name = match["a"] or match["b"]
        if start:
            found.update(dict.fromkeys(_spelled_out(start, name)))
        found[name] = None
        start = name if match["op"] else ""
    return tuple(found)


def _spelled_out(first: str, last: str) -> list[str]:
    prefix, _, low = first.rpartition("-")
    other, _, high = last.rpartition("-")
    if prefix != other or len(high) > 9 or len(low) > 9 or not 0 < int(high) - int(low) <= _MAX_TRACES:
        return []
    return [f"{prefix}-{number:0{len(low)}}" for number in range(int(low), int(high))]


class _Reader:
    def __init__(self, text: str, names: Names) -> None:
        self.text = text
        self.names = names
        self.found: dict[str, None] = {}
        self.faults: list[Fault] = []
        self.seen = False

    def read(self) -> tuple[list[str], list[Fault]]:
        text = _LINK.sub(lambda match: "]" + " " * (len(match[0]) - 1), self.text)
        text = _REMARK.sub(self.remark, text)
        for match in _REF.finditer(text):
            self.ref(match)
        for match in _BRACKETED.finditer(text):
            if match[1].strip() and not _REF.search(match[0]):
                self.unknown(match.start(1), match[1].strip())
        if not self.seen and not is_none(text):
            offset = len(text) - len(text.lstrip())
            message = f'"{text.strip()[:60]}" names no task'
            self.fault(offset, "unreadable-needs", message, 'list the ids, as in "[TASK-001], [TASK-002]", or write "—" for none')
        return list(self.found), self.faults

    def remark(self, match: re.Match[str]) -> str:
        """Words in parentheses are a remark. Brackets in it still count; a task named without them may mean anything."""
        blank = [" "] * len(match[0])
        for ref in _REF.finditer(match[0]):
            if ref["left"]:
                blank[ref.start() : ref.end()] = ref[0]
            elif ref["first"] in self.names.ids:
                hint = f"write [{ref['first']}] if it must be done before, else leave it out"
                self.seen = True
                self.fault(
                    match.start() + ref.start("first"), "unreadable-needs", f"{ref['first']} in a remark: is it needed?", hint
                )
        return "".join(blank)

    def ref(self, match: re.Match[str]) -> None:
        self.seen = True
        first = match["first"]
        if not self.known(match.start("first"), first):
            return
        if not match["op"]:
            self.found[first] = None
            return
        last = match["last"]
        last = last if not last.isdecimal() else f"{first.partition('-')[0]}-{last}"
        if match["op"].strip() in {"-", "—"}:
            hint = f"write {first}..{last} for all between, or a comma for just these"
            self.fault(match.start("op"), "unreadable-needs", f"{first} to {last}: a range or two tasks?", hint)
        elif self.known(match.start("last"), last):
            listed = self.names.between(first, last) if first.partition("-")[0] == last.partition("-")[0] else []
            if listed:
                self.found.update(dict.fromkeys(listed))
            else:
                self.fault(
                    match.start("first"), "unreadable-needs", f"the range {first}..{last} is empty", "write the lower id first"
                )

    def known(self, offset: int, name: str) -> bool:
        if name in self.names.ids:
            return True
        self.unknown(offset, name)
        return False

    def unknown(self, offset: int, name: str) -> None:
        self.seen = True
        near = self.names.nearest(name)
        hint = f"did you mean {near}?" if near else "name a task of this file, or put a remark in parentheses"
        self.fault(offset, "unknown-need", f"there is no task {name[:80]}", hint)

    def fault(self, offset: int, code: str, message: str, hint: str) -> None:
        self.faults.append(Fault(offset, code, message, hint))


def _size(number: str) -> tuple[int, str]:
    """Orders digit strings by value, however long they are."""
    bare = number.lstrip("0")
    return len(bare), bare


def _key(name: str) -> tuple[str, str]:
    prefix, _, number = name.rpartition("-")
    return prefix, number.lstrip("0")


def targets(text: str, known: Collection[str]) -> list[str]:
    """The known ids in a "Blocks" line; whatever else it says is a remark."""
    return [task_id for task_id in dict.fromkeys(ID.findall(text)) if task_id in known]
