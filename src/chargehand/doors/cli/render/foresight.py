"""The plan, the forecast, and how right it was, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TextIO

from chargehand.doors.cli.render import table
from chargehand.doors.cli.render.style import paint
from chargehand.doors.cli.render.text import console_safe, duration, money, plural, wrapped

if TYPE_CHECKING:
    from chargehand.service.foreseen import Calibration, ForecastObject, Plan, RunCheck

_MOST_OF_A_CHAIN = 8


def plan(seen: Plan, stream: TextIO) -> str:
    """The order, with a mark on the longest chain."""
    if not seen["tasks"]:
        return f"{console_safe(seen['spec'])}: nothing is left to do, {plural(seen['done'], 'task')} done"
    rows = [
        (
            f"{number}{'*' if step['critical'] else ' '}",
            step["id"],
            step["priority"],
            "-" if step["estimate_hours"] is None else f"{step['estimate_hours']:g}h",
            console_safe(step["title"]),
            f"after {', '.join(step['needs'])}" if step["needs"] else "",
        )
        for number, step in enumerate(seen["tasks"], 1)
    ]
    done = f", {seen['done']} done" if seen["done"] else ""
    return "\n".join(
        [
            *table.grid(rows, ("#", "TASK", "P", "EST", "TITLE", "NEEDS"), stream),
            f"{plural(len(rows), 'task')} to do{done}; {seen['hours']:g}h by the estimates, up to {seen['jobs']} at once",
            f"* longest chain, {seen['path_hours']:g}h: {chain(seen['critical_path'])}",
        ]
    )


def chain(tasks: Sequence[str]) -> str:
    """``A, B, C``; the middle of a long one is left out."""
    if len(tasks) <= _MOST_OF_A_CHAIN:
        return ", ".join(tasks)
    half = _MOST_OF_A_CHAIN // 2
    return f"{', '.join(tasks[:half])}, ... {len(tasks) - 2 * half} more ..., {', '.join(tasks[-half:])}"


def forecast(seen: ForecastObject, stream: TextIO) -> str:
    """What it may take, in five seconds; then what decides it."""
    known = seen["learned_from"]
    source = f"learned from {plural(known, 'task')} that landed here" if known else "nothing has landed here yet: this is a guess"
    lines = [
        f"{plural(seen['tasks'], 'task')}, up to {seen['jobs']} at once; {source}",
        "",
        paint("          HALF THE TIME (P50)   4 OF 5 TIMES (P80)   19 OF 20 (P95)", "bold", stream),
    ]
    spans = [duration(value) for value in seen["seconds"].values()]  # type: ignore[arg-type]
    lines.append(f"  time    {spans[0]:<19}   {spans[1]:<18}   {spans[2]}")
    if seen["usd"]:
        sums = [money(value) for value in seen["usd"].values()]  # type: ignore[arg-type]
        lines.append(f"  money   {sums[0]:<19}   {sums[1]:<18}   {sums[2]}")
    else:
        lines.append("  money   not known: too few tasks have told what they cost")
    lines.append("")
    if seen["budget_usd"] is not None and seen["in_budget"] is not None:
        chance = seen["in_budget"]
        colour = "green" if chance >= 0.95 else "yellow" if chance >= 0.5 else "red"
        lines.append(f"the {money(seen['budget_usd'])} left of the budget suffice: {paint(f'{chance:.0%}', colour, stream)} likely")
    lines.append(f"longest chain, {duration(seen['path_s'])}: {chain(seen['critical_path'])}")
    rows = [
        (one["id"], f"{one['share']:.0%}", str(one["behind"]), console_safe(one["title"]))
        for one in seen["gating"][:5]
        if one["share"] >= 0.005
    ]
    lines += [
        "",
        *table.grid(rows, ("DECIDES THE END", "HOW OFTEN", "WAIT FOR IT", "TITLE"), stream),
        "",
    ]
    if seen["stuck"]:
        lines.append(f"{chain(seen['stuck'])}: failed or waiting for you, counted as begun anew")
    lines.append("half the time, by --jobs: " + ", ".join(_jobs(one["jobs"], one["p50"], seen["jobs"]) for one in seen["by_jobs"]))
    return "\n".join(lines)


def _jobs(count: int, seconds: float, now: int) -> str:
    return f"{count}: {duration(seconds)}" + (" (now)" if count == now else "")


def calibration(seen: Calibration, stream: TextIO) -> str:
    """How often what came was within what was foretold, and what was learned since."""
    header = ("RUN", "TASKS", "TOOK", "P50", "P80", "P95", "WITHIN", "PAID", "P50", "P80", "P95", "WITHIN")
    lines = table.grid([_run(one) for one in seen["runs"]], header, stream)
    tasks = seen["tasks"]
    if tasks:
        lines.append(
            wrapped(
                f"{plural(tasks['count'], 'task')}: {tasks['p50']:.0%} within P50, {tasks['p80']:.0%} within P80, "
                f"{tasks['p95']:.0%} within P95 of time; the middle one took {tasks['median_ratio']:.2f} times what was expected",
                stream,
            )
        )
    else:
        lines.append("no run was forecast yet: chargehand plan --forecast, then chargehand run --all")
    rows = [
        (
            str(one["tasks"]),
            *(duration(one["seconds"][name]) for name in _NAMES),
            *(money(one["usd"][name]) if one["usd"] else "-" for name in _NAMES),
            one["name"],
        )
        for one in seen["classes"]
    ]
    if rows:
        lines += [
            "",
            *table.grid(rows, ("LEARNED", "P50", "P80", "P95", "P50", "P80", "P95", "CLASS OF TASKS"), stream),
        ]
    return "\n".join(lines)


_NAMES: tuple[Literal["p50"], Literal["p80"], Literal["p95"]] = ("p50", "p80", "p95")


def _run(one: RunCheck) -> tuple[str, ...]:
    time, usd = one["seconds"], one["usd"]
    foretold = (money(usd["p50"]), money(usd["p80"]), money(usd["p95"])) if usd else ("-", "-", "-")
    return (
        one["run"],
        str(one["tasks"]),
        duration(one["took_s"]),
        *(duration(value) for value in (time["p50"], time["p80"], time["p95"])),
        one["seconds_within"],
        money(one["paid_usd"]),
        *foretold,
        one["usd_within"] or "-",
    )
