"""Attempts over time: a bar for each, one line a task, the critical path marked."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from chargehand.doors.tui.lines import Row
from chargehand.doors.tui.words import short
from chargehand.service.boardcards import Card

_BARS = {"landed": ("█", "ok"), "": ("▓", "work"), "interrupted": ("░", "dim"), "unavailable": ("░", "dim"),
         "asked": ("?", "warn")}  # fmt: skip
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 604800)


def rows(
    cards: Mapping[str, Card], attempts: Sequence[Mapping[str, Any]], critical: Iterable[str], now: float, width: int
) -> list[Row]:
    """The chart in ``width`` cells: a line of times, then each task that was begun, by its start."""
    begun: dict[str, list[Mapping[str, Any]]] = {}
    for attempt in attempts:
        begun.setdefault(attempt["task"], []).append(attempt)
    if not begun:
        return [Row((("no attempt yet", "dim"),))]
    path = set(critical)
    names = min(24, max(map(len, begun)))
    room = max(10, width - names - 16)
    start = min(attempt["started_at"] for attempt in attempts)
    end = max((now if attempt["ended_at"] is None else attempt["ended_at"]) for attempt in attempts)
    span = max(end - start, 1.0)
    lines = [_axis(start, span, names + 3, room)]
    for task, tries in begun.items():
        whole = sum((now if one["ended_at"] is None else one["ended_at"]) - one["started_at"] for one in tries)
        title = "◆" if task in path else " "
        shown = task if len(task) <= names else task[: names - 1] + "…"
        told = short(whole) + (f" ×{len(tries)}" if len(tries) > 1 else "")
        lines.append(
            Row(
                (
                    (f"{shown:<{names}} ", "bold"),
                    (title, "warn"),
                    (" ", ""),
                    *_bar(_pieces(tries, cards.get(task), now), start, span, room),
                    (f" {told}", "dim"),
                ),
                task,
            )
        )
    waiting = sum(task not in begun and card.state in {"ready", "waiting"} for task, card in cards.items())
    if waiting:
        lines.append(Row(((f"{waiting} more not begun", "dim"),)))
    return lines


def _axis(start: float, span: float, before: int, room: int) -> Row:
    """Clock times at round moments, as many as there is room for."""
    step = next((step for step in _STEPS if span / step <= max(1, room // 12)), _STEPS[-1])
    text = [" "] * (room + 12)
    form = "%H:%M:%S" if step < 60 else "%H:%M" if step < 86400 else "%d %b"
    moment = (start // step + 1) * step
    while moment <= start + span:
        mark = "╷" + time.strftime(form, time.localtime(moment))
        place = int((moment - start) / span * room)
        text[place : place + len(mark)] = mark
        moment += step
    return Row(((" " * before + "".join(text[: room + 9]), "dim"),))


def _pieces(tries: Sequence[Mapping[str, Any]], card: Card | None, now: float) -> Iterator[tuple[float, float, str]]:
    """Begin, end and outcome of each attempt; what has waited for an answer since it was asked is a piece of its own."""
    for attempt in tries:
        begun, ended = attempt["started_at"], attempt["ended_at"]
        if ended is not None:
            yield begun, ended, attempt["outcome"]
        elif card is not None and card.asked_at is not None:
            yield begun, card.asked_at, ""
            yield card.asked_at, now, "asked"
        else:
            yield begun, now, ""


def _bar(pieces: Iterable[tuple[float, float, str]], start: float, span: float, room: int) -> list[tuple[str, str]]:
    """Each piece at least a cell wide; where two of a kind touch, a thin line parts them."""
    parts: list[tuple[str, str]] = []
    at, before = 0, ("", "")
    for begun, ended, outcome in pieces:
        first = max(at, min(room - 1, int((begun - start) / span * room)))
        last = max(first + 1, min(room, round((ended - start) / span * room)))
        if last > room:
            break
        bar = _BARS.get(outcome, ("▒", "bad"))
        parts.append((" " * (first - at), ""))
        parts.append(("▏" + bar[0] * (last - first - 1) if first == at and bar == before else bar[0] * (last - first), bar[1]))
        at, before = last, bar
    return [*parts, (" " * (room - at), "")]


LEGEND = Row((
    ("█", "ok"), (" landed  ", "dim"), ("▓", "work"), (" at work  ", "dim"), ("▒", "bad"), (" failed  ", "dim"), ("░", "dim"),
    (" cut off  ", "dim"), ("?", "warn"), (" waits for you  ", "dim"), ("◆", "warn"), (" critical path", "dim"),
))  # fmt: skip
