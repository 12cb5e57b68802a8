"""The lines above and below the columns: which run this is, and what it comes to."""

from __future__ import annotations

import time

from chargehand.doors.tui.cards import COLUMNS
from chargehand.doors.tui.lines import Parts, Row
from chargehand.doors.tui.words import amount, paid, rough, short
from chargehand.model.words import spoken
from chargehand.service.boardview import Feed

_ROLE = {
    "running": "work", "finished": "ok", "failed": "bad", "needs_human": "warn", "interrupted": "warn", "paused": "warn",
    "stopped": "warn",
}  # fmt: skip
_GAP = ("  │  ", "dim")


def head(feed: Feed, now: float, query: str = "", shown: int = 0) -> Row:
    """The run: its state and why, from what onto what, who is waited for."""
    if feed.run is None:
        return Row((("nothing has run here yet", "warn"), ("   chargehand run --all starts; this board will show it", "dim")))
    run, state = feed.run, feed.state
    parts: list[tuple[str, str]] = [(f"{run['id']} ", "bold"), (spoken(state), _ROLE.get(state, "bold"))]
    if query:
        parts += [("  / ", "key"), (query, "bold"), (f"  {shown} of {len(feed.cards)}, Esc shows all", "dim")]
        return Row(tuple(parts))
    if reason := _reason(feed):
        parts.append((f"  {reason}", "dim"))
    for agent, (until, why) in feed.waits.items():
        if until > now and state == "running":
            parts.append((f"  {agent} waits until {time.strftime('%H:%M', time.localtime(until))}: {why}", "warn"))
    onto = f" → {run['target']}" if run["target"] else ""
    parts.append((f"  {run['spec']}{onto}", "dim"))
    return Row(tuple(parts))


def _reason(feed: Feed) -> str:
    match feed.state:
        case "interrupted":
            return "its engine is gone; what was done is kept"
        case "paused":
            return f"by {feed.paused}: nothing new starts"
        case _:
            return str(feed.run["reason"]) if feed.run else ""


def foot(feed: Feed, now: float, left: float | None, width: int) -> list[Row]:
    """Tasks by state; tokens, cost against the budget, elapsed, the estimated end. One line where it fits, else two."""
    counts = feed.by_state()
    tasks: list[tuple[str, str]] = [(f"{len(feed.cards)} tasks", "bold")]
    gap = ("  " if width >= 90 else " ", "")
    for place in COLUMNS:
        if number := sum(counts.get(state, 0) for state in place.states):
            tasks += [gap, (str(number), place.role), (f" {place.title.lower()}", "dim")]
    sums = feed.sums
    money: list[tuple[str, str]] = [
        (f"{amount(sums['input_tokens'] or 0)} in / {amount(sums['output_tokens'] or 0)} out", ""),
        _GAP,
    ]
    money += _cost(sums["cost_usd"] or 0.0, feed.cap(), sums["unmeasured"])
    money += [_GAP, (short(feed.elapsed(now)), "")]
    if left is not None:
        end = time.strftime("%H:%M", time.localtime(now + left))
        money += [_GAP, (f"~{rough(left)} left, {end}", "")]
    if sum(len(text) for text, _ in (*tasks, *money)) + 5 <= width:
        return [Row((*tasks, _GAP, *money))]
    return [Row(tuple(tasks)), Row(tuple(money))]


def _cost(cost: float, cap: float | None, unmeasured: int) -> Parts:
    told = f" ({unmeasured} not reported)" if unmeasured else ""
    if cap is None:
        return ((paid(cost) + told, ""),)
    share = cost / cap if cap else 1.0
    return ((paid(cost), "bad" if share >= 1 else "warn" if share >= 0.8 else ""), (f" of {paid(cap)}{told}", ""))
