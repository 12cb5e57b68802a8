"""The text of a run's pull request: what landed, what judged it, what it cost, what it traces to. From facts only."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from chargehand.brief.text import code, head, inline
from chargehand.model.work import Usage, Verdict

LIMIT = 60_000
"""Characters; forges take a little more."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One task of the run, as it stands at its end."""

    task: str
    title: str
    state: str
    reason: str = ""
    commit: str = ""
    attempts: int = 0
    usage: Usage = Usage()
    traces: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()


def title(run: str, spec: str, lines: Sequence[Line]) -> str:
    """One line for the list of pull requests."""
    landed = [line for line in lines if line.state == "landed"]
    what = f"{landed[0].task}: {landed[0].title}" if len(landed) == 1 else f"{len(landed)} tasks of {spec}"
    return inline(f"{what} (chargehand {run})", 120)


def body(run: str, spec: str, lines: Sequence[Line]) -> str:
    """The text as Markdown, at most `LIMIT` characters."""
    landed = [line for line in lines if line.state == "landed"]
    rest = [line for line in lines if line.state != "landed"]
    paid = sum((line.usage for line in lines), Usage())
    parts = [
        f"Run {code(run)} of {code(spec)}: {len(landed)} of {len(lines)} tasks landed, {_cost(paid)}.",
        table(landed),
        "Each commit was judged as it landed, by what is named here. What agents say of themselves counts for nothing.",
    ]
    if rest:
        left = "\n".join(f"- {code(line.task)} {inline(line.title)}: {line.state.replace('_', ' ')}{_why(line)}" for line in rest)
        parts.append(f"### Not landed\n\n{left}")
    return head("\n\n".join(parts), LIMIT, "chargehand status tells the rest") + "\n"


def table(lines: Sequence[Line]) -> str:
    """What landed, as a table."""
    rows = ["| Task | Commit | Judged by | Traces to | Tries | Cost |", "|---|---|---|---|---|---|"]
    rows += [
        f"| {_cell(line.task)}: {_cell(line.title)} | {line.commit[:12]} | {_cell(_judges(line.verdicts))} "
        f"| {_cell(', '.join(line.traces) or '-')} | {line.attempts} | {_cost(line.usage)} |"
        for line in lines
    ]
    return "\n".join(rows)


def _judges(verdicts: Sequence[Verdict]) -> str:
    last = {verdict.gate: verdict for verdict in verdicts}
    return ", ".join(f"{gate}: {verdict.verdict}" for gate, verdict in last.items()) or "no gate"


def _cost(usage: Usage) -> str:
    if usage.cost_usd is not None:
        return f"${usage.cost_usd:.2f}"
    tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0)
    return f"{tokens:,} tokens" if tokens else "cost not reported"


def _why(line: Line) -> str:
    return f" ({inline(line.reason)})" if line.reason else ""


def _cell(text: str) -> str:
    return inline(text, 200).replace("|", "\\|").replace("<", "&lt;")
