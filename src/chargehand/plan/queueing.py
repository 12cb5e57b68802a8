"""The merge queue, decided: who is judged, who is to blame, who lands, who goes first.

Candidates that wait to land stand on one another, as if those ahead had landed already. Such a stack is given from its bottom to
its top. Whoever is judged is judged with all that is below, so one judgement speaks for a group: for everybody down to the next one
who is judged himself.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from typing import Literal, NamedTuple

from chargehand.plan.terms import collide

Mark = Literal["open", "asked", "probed", "pass", "fail"]
"""Of a candidate as it stands: not judged itself; judged now (``probed``: to find out who is to blame); what was said."""

_AT_ONCE = 2
"""While so many are being judged, a group that could still grow waits for others to join it."""


class Place(NamedTuple):
    """A candidate in the stack. Only those of one ``kind`` (judged by the same gates) can share a judgement."""

    mark: Mark
    kind: Hashable = None


class Reach(NamedTuple):
    """What a change touches: the ``files`` it changes, and the ``scope`` (globs or paths) in which it may change any."""

    files: Sequence[str]
    scope: Sequence[str] = ()


class Claim(NamedTuple):
    """What speaks for going first, the smallest before others: it had to be done again so often (``redone``, counted downwards),
    so few others change the same files (``rivals``), so long was it worked on (``worked_s``, counted downwards)."""

    redone: int
    rivals: int
    worked_s: float


def wanted(stack: Sequence[Place], most: int) -> list[int]:
    """Whom to have judged now, in groups of at most ``most``.

    Above a failure nobody is judged: what is below it is halved until it is known who is to blame.
    """
    bottom, failed = _bounds(stack)
    if bottom >= 0 and stack[bottom].mark == "probed":
        return []
    if failed < len(stack):
        return [(bottom + failed) // 2] if failed - bottom > 1 else []
    tops: list[int] = []
    begin = bottom + 1
    for index in range(begin, len(stack)):
        grows = index + 1 == len(stack)
        full = index + 1 - begin == most or (not grows and stack[index + 1].kind != stack[index].kind)
        if full or (grows and _under_way(stack) + len(tops) < _AT_ONCE):
            tops.append(index)
            begin = index + 1
    return tops


def group(stack: Sequence[Place], index: int) -> range:
    """Those for whom a judgement of ``index`` speaks."""
    begin = index
    while begin and stack[begin - 1].mark == "open":
        begin -= 1
    return range(begin, index + 1)


def blamed(stack: Sequence[Place]) -> int | None:
    """Whose failure is his own: nobody unjudged is between him and what holds, as far as is known."""
    bottom, failed = _bounds(stack)
    own = failed < len(stack) and failed - bottom == 1 and (bottom < 0 or stack[bottom].mark != "probed")
    return failed if own else None


def landing(stack: Sequence[Place]) -> int:
    """How many land now, from the bottom: down from the first who was judged, if that went well."""
    first = next((index for index, place in enumerate(stack) if place.mark != "open"), None)
    return first + 1 if first is not None and stack[first].mark == "pass" else 0


def grown(size: int, passed: bool, most: int) -> int:
    """How large groups are after a judgement: one more while all goes well, half of it after a failure; from 1 to ``most``."""
    return min(size + 1, most) if passed else max(size // 2, 1)


def slot(waiting: Sequence[Claim], rivals: Collection[int], claim: Claim) -> int:
    """Where a newcomer belongs: at the end, unless one of its ``rivals`` (who wait, and change the same files) has a weaker claim.
    Whoever of two is merged last may have to be done again; all others need no order, and are not built anew for one."""
    return next((index for index, other in enumerate(waiting) if index in rivals and claim < other), len(waiting))


def meet(one: Reach, two: Reach) -> bool:
    """Whether two changes touch the same file, or could by what they declare. What is known to touch nothing could touch all."""
    if not one.files or not two.files or not set(one.files).isdisjoint(two.files):
        return True
    return collide(one.scope, (*two.files, *two.scope)) or collide(two.scope, one.files)


def _bounds(stack: Sequence[Place]) -> tuple[int, int]:
    """The last one below the first failure who was, or is, judged himself (-1: none), and that failure (the length: none)."""
    failed = next((index for index, place in enumerate(stack) if place.mark == "fail"), len(stack))
    bottom = next((index for index in reversed(range(failed)) if stack[index].mark != "open"), -1)
    return bottom, failed


def _under_way(stack: Sequence[Place]) -> int:
    return sum(place.mark in {"asked", "probed"} for place in stack)
