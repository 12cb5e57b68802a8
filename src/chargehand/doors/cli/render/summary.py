"""What came out of a run, to be read in five seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from chargehand.doors.cli.render.style import STYLES, paint
from chargehand.doors.cli.render.text import console_safe, duration, money, plural, tokens
from chargehand.model.words import spoken
from chargehand.model.work import Usage

if TYPE_CHECKING:
    from chargehand.service.running import Report

_ALWAYS = {"failed", "needs_human"}


def text(report: Report, stream: TextIO) -> str:
    """Totals first; then only what is not well, each with its reason; then what to type."""
    cards = report.all_cards
    end = report.end
    usage, attempts = Usage(), 0
    for card in cards:
        usage, attempts = usage + card.usage, attempts + card.attempts
    word = spoken(end.state)
    state = paint(word, STYLES.get(word, "red"), stream)
    lines = ["", f"run {end.run}: {state}, {console_safe(end.reason)}"]
    told = usage.input_tokens is not None or usage.output_tokens is not None
    used = f"{tokens(usage.input_tokens)} tokens in, {tokens(usage.output_tokens)} out, " if told else ""
    paid = f"{used}{money(usage.cost_usd)}"
    worked = sum(card.working_s for card in cards)
    time = f", {duration(worked)} of agents' time" if worked else ""
    lines.append(f"{plural(attempts, 'attempt')}{time}, {paid if usage.measured else 'no usage reported'}")
    lines += [
        f"  {card.id}  {paint(word := spoken(card.state), STYLES[word], stream)}: {console_safe(card.reason)}"
        for card in cards
        if card.state in _ALWAYS
    ]
    waiting = [card for card in cards if card.state == "todo" and card.missing]
    if waiting and any(card.state in _ALWAYS for card in cards):
        lines.append(f"  {plural(len(waiting), 'task')} behind: chargehand why {waiting[0].id}")
    stuck = [card.id for card in cards if card.state in _ALWAYS]
    asked = [
        card.id for card in cards if card.attempt is not None and card.attempt.question is not None and card.state == "needs_human"
    ]
    if asked:
        lines.append(f"next: chargehand diff {asked[0]}, then chargehand approve, reject or skip {asked[0]}")
    elif " budget: " in end.reason:
        lines.append("next: chargehand costs, then chargehand run --all with more in [budget], or --budget USD")
    elif stuck:
        lines.append(f"next: chargehand show {stuck[0]}, then chargehand retry {stuck[0]}")
    elif end.state in {"stopped", "interrupted"}:
        lines.append("next: chargehand run --all")
    return "\n".join(lines) + "\n"
