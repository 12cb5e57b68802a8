"""The graph of tasks as a tree: each task once, below the last thing it waits for; what else it needs is named beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from chargehand.doors.tui.cards import COLUMNS, WHERE
from chargehand.doors.tui.lines import Row
from chargehand.plan.graph import dependents, topological
from chargehand.service.boardcards import Card

MARKS = {
    "landed": "✓", "skipped": "✓", "working": "▶", "judging": "▶", "queued": "▶", "ready": "○", "waiting": "·", "needs_human": "?",
    "failed": "✗", "cancelled": "✗",
}  # fmt: skip
_DEEP = 24
"""Deeper levels are not indented any further: a chain of 10,000 tasks is an ordinary spec."""


def rows(cards: Mapping[str, Card], critical: Iterable[str]) -> list[Row]:
    """The tasks as lines, each about its task."""
    path = set(critical)
    needs = {card.id: card.needs for card in cards.values()}
    order = topological(needs)
    place = {task: number for number, task in enumerate(order)}
    depth: dict[str, int] = {}
    parent: dict[str, str] = {}
    for task in order:
        known = [need for need in needs[task] if need in depth]
        if known:
            parent[task] = max(known, key=lambda need: (need in path and task in path, depth[need], place[need]))
        depth[task] = 1 + max((depth[need] for need in known), default=-1)
    children = dependents({task: (parent[task],) if task in parent else () for task in order})
    lines: list[Row] = []
    stack = [(task, "", "") for task in reversed(order) if task not in parent]
    while stack:
        task, lead, below = stack.pop()
        others = [need for need in needs[task] if need != parent.get(task)]
        lines.append(_row(cards[task], lead, task in path, others))
        ends = children[task]
        room = below if len(below) < 2 * _DEEP else below[:-2]
        for child in reversed(ends):
            last = child == ends[-1]
            stack.append((child, room + ("└─" if last else "├─"), room + ("  " if last else "│ ")))
    lines += [_row(card, "", False, list(card.needs)) for card in cards.values() if card.id not in depth]  # on a cycle
    return lines


def _row(card: Card, lead: str, critical: bool, others: list[str]) -> Row:
    role = COLUMNS[WHERE[card.state]].role
    parts = [(lead, "dim"), (f"{MARKS[card.state]} ", role), (card.id, "bold")]
    parts += [(" ◆", "warn") if critical else ("  ", ""), (f" {card.title}", "dim" if card.state == "landed" else "")]
    if others:
        parts.append((f"  + {', '.join(others)}", "dim"))
    return Row(tuple(parts), card.id)


_MEANING = (("✓", "ok", "done"), ("▶", "work", "at work"), ("○", "", "ready"), ("·", "dim", "blocked"), ("?", "warn", "needs you"),
            ("✗", "bad", "failed"), ("◆", "warn", "critical path"))  # fmt: skip
LEGEND = Row(tuple(part for mark, role, word in _MEANING for part in ((mark, role), (f" {word}  ", "dim"))))
