"""What the run was charged: against its caps, and by agent, model, stage and task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chargehand.doors.tui.lines import Row, row
from chargehand.doors.tui.words import amount, paid
from chargehand.service.boardview import Feed

_BAR = 30
_GROUPS = ("agent", "model", "stage", "task")


def rows(feed: Feed) -> list[Row]:
    """Totals, the budget if there is one, then each grouping, the dearest first."""
    sums = feed.sums
    cost, tokens = sums["cost_usd"] or 0.0, (sums["input_tokens"] or 0) + (sums["output_tokens"] or 0)
    lines = [Row(((paid(cost), "bold"), (f"  {amount(sums['input_tokens'] or 0)} in, {amount(sums['output_tokens'] or 0)} out", ""),
                  (f"  {sums['calls']} calls", "dim"),
                  (f"  {sums['unmeasured']} of them reported nothing" if sums["unmeasured"] else "", "warn")))]  # fmt: skip
    budget = feed.config.get("budget", {})
    caps: tuple[tuple[str, float, Callable[[Any], str]], ...] = (("run_usd", cost, paid), ("run_tokens", tokens, amount))
    for name, used, form in caps:
        if cap := budget.get(name):
            share = min(1.0, used / cap)
            role = "bad" if used >= cap else "warn" if share >= 0.8 else "ok"
            full = round(share * _BAR)
            told = f" {form(used)} of {form(cap)}"
            lines.append(Row((("█" * full, role), ("░" * (_BAR - full), "dim"), (told, ""), (f"  {name}", "dim"))))
    for by in _GROUPS:
        charged = feed.charges(by)
        lines += [row(), *_table(by, charged, cost)]
    return lines


def _table(by: str, charged: list[tuple[Any, ...]], whole: float) -> list[Row]:
    lines = [Row(((f"{'BY ' + by.upper():<28}{'COST':>10}{'SHARE':>7}{'IN':>9}{'OUT':>9}{'CALLS':>7}", "head"),))]
    for name, calls, unmeasured, tokens_in, tokens_out, cost in charged:
        share = f"{cost / whole:.0%}" if cost and whole else "-"
        text = f"{paid(cost):>10}{share:>7}{amount(tokens_in):>9}{amount(tokens_out):>9}{calls:>7}"
        told = (f"  {unmeasured} not reported", "warn") if unmeasured else ("", "")
        label = (name or "-") if len(name) < 28 else name[:26] + "…"
        lines.append(Row(((f"{label:<28}", "bold"), (text, ""), told), name if by == "task" else ""))
    return lines
