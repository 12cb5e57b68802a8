"""From an agent's signals and its exit to the report: what it used, and whether it did what it was started for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from chargehand.agents import errors
from chargehand.agents.prices import Price
from chargehand.model.signals import Signal
from chargehand.model.work import AgentError, Exit, Report, Tally, Tokens, Usage

ANSWER_LIMIT = 1_000_000
"""Characters kept of an answer."""

_TAIL = 16 * 1024
_WORKING = frozenset({"text", "thinking", "tool", "tool_result", "file", "usage"})
_ENDED_BY_US = frozenset({"timeout", "stall", "cancelled"})


@dataclass(slots=True)
class Story:
    """The sum of the signals of one call.

    A ``usage`` signal tells of one step; signals of the same step (``name``) are the same usage told again. What ``final`` tells is
    of the whole call, or of the whole session where the program keeps such sums (see `report`).
    """

    session: str = ""
    said: str = ""
    acted: bool = False
    steps: dict[str, Signal] = field(default_factory=dict)
    denied: dict[str, None] = field(default_factory=dict)
    error: AgentError | None = None
    waiting: AgentError | None = None
    question: str = ""
    final: Signal | None = None

    def add(self, signal: Signal) -> None:
        if signal.kind in _WORKING:
            self.final = self.waiting = None  # it went on
        match signal.kind:
            case "session":
                self.session = signal.name
            case "text":
                self.said = signal.text or self.said
            case "tool" | "file":
                self.acted = True
            case "usage":
                self.steps[signal.name or f" {len(self.steps)}"] = signal
            case "denied":
                self.denied[signal.name] = None
            case "question":
                self.question = signal.text
            case "wait":
                self.waiting = signal.error
            case "error":
                self.error = signal.error or errors.error(signal.text)
            case "final":
                self.final = signal

    def report(self, exit_: Exit, stderr: str, before: Tally, sums: frozenset[str], price: Price | None = None) -> Report:
        """``stderr``: the end of what the program printed there. ``sums`` names what of its last word (``tokens``, ``cost``) is of
        the whole session; ``before`` is that sum when the call began. ``price`` is for programs that tell no money. A session in
        which no model said anything is none: not every program keeps it."""
        tokens, cost = self._used(before, sums)
        if cost is None and tokens and price:
            cost = price.cost(tokens)
        finished, error = self._judge(exit_, stderr)
        heard = bool(finished or self.said or self.acted or self.steps or (tokens and tokens != Tokens()))
        if error and error.kind == "session_lost":
            if heard:  # another one, that a tool of its own was to go on with
                error = msgspec.structs.replace(error, kind="crash")
            else:
                tokens, cost = Tokens(), 0.0
        return Report(
            usage=tokens.usage(cost) if tokens is not None else Usage(cost_usd=cost),
            error=errors.timed(error, exit_.ended_at) if error else None,
            finished=finished,
            session=self.session if heard else "",
            total=Tally(before.tokens + (tokens or Tokens()), before.cost_usd + (cost or 0.0)),
            answer=((self.final.text if self.final else "") or self.said)[:ANSWER_LIMIT],
            turns=len(self.steps),
            denied=tuple(self.denied),
        )

    def _used(self, before: Tally, sums: frozenset[str]) -> tuple[Tokens | None, float | None]:
        steps = [step.tokens for step in self.steps.values() if step.tokens]
        tokens: Tokens | None = sum(steps, Tokens()) if steps else None
        costs = [step.cost_usd for step in self.steps.values() if step.cost_usd is not None]
        cost: float | None = sum(costs) if costs else None
        if self.final and self.final.tokens is not None:
            tokens = _since(self.final.tokens, before.tokens) if "tokens" in sums else self.final.tokens
        if self.final and (paid := self.final.cost_usd) is not None:
            # A sum that is below what it was is none: the program began to count anew.
            cost = paid - before.cost_usd if "cost" in sums and paid >= before.cost_usd else paid
        return tokens, cost

    def _judge(self, exit_: Exit, stderr: str) -> tuple[bool, AgentError | None]:
        if self.final is not None and not self.final.failed:
            return self._well(exit_, stderr)
        said = self.final and self.final.error
        if exit_.cause in _ENDED_BY_US:  # what it says of being ended is no news
            return False, self.waiting or (said if said and said.kind != "crash" else None)
        if self.final is not None:
            return False, said or self.error or errors.from_log(self.final.text or stderr or exit_.describe())
        if exit_.cause != "exited":
            return False, None
        if self.error:
            return False, self.error
        if exit_.ok:
            lost = "its output was cut at the limit" if exit_.truncated else "nothing in its output says that it came to an end"
            return False, AgentError(kind="unreadable", message=lost)
        if exit_.signal is None and stderr:
            return False, errors.from_log(stderr)
        return False, self.waiting or AgentError(kind="crash", message=exit_.describe())

    def _well(self, exit_: Exit, stderr: str) -> tuple[bool, AgentError | None]:
        """It says that all is well: is it?"""
        if self.denied:
            return False, AgentError(kind="permission", message=f"it was not allowed to use {', '.join(self.denied)}")
        if not exit_.ok and exit_.cause not in {"timeout", "stall"}:  # some linger after their last word
            return False, errors.from_log(stderr or exit_.describe()) if exit_.cause == "exited" else None
        if self.question and not self.acted:
            return False, AgentError(kind="blocked", message=self.question)
        if not self.acted and not self.said and not (self.final and self.final.text):
            return False, AgentError(kind="empty", message="it ended well, said nothing and did nothing")
        return True, None


def _since(sum_: Tokens, before: Tokens) -> Tokens:
    return sum_ - before if before - sum_ == Tokens() else sum_


def tell(signals: Iterable[Signal]) -> Story:
    story = Story()
    for signal in signals:
        story.add(signal)
    return story


def last_words(path: Path) -> str:
    """The end of a log, for people: without colours and empty lines. Empty when there is no such file."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _TAIL))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).splitlines() if line.strip()]
    return "\n".join(lines)
