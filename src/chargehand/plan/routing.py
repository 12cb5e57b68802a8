"""What to do after an attempt that did not land, and who does the next one.

Three kinds of not-done are never mixed: the product is wrong (try again, told what failed), the platform cannot (wait, no try is
spent), a person must act (ask). What is unknown is asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import Literal, NamedTuple
from zlib import crc32

from chargehand.model.config import Config
from chargehand.model.work import AGENT_WIDE, Failure, Verdict

INTERRUPTIONS_ALLOWED = 20
"""Attempts cut short from outside spend no try; a task that is cut short this often has another illness."""

LONGEST_STEP_S = 300.0
"""A wait doubles up to this, unless the provider names a time."""

_PRODUCT = frozenset({"empty", "agent_failed", "gate_failed", "conflict", "timeout", "stall"})
_CHANGING = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{7,}\b|\d+(?:\.\d+)?|/\S+/")


class Route(NamedTuple):
    """``wait``: try again after ``wait_s`` seconds; with ``agent_wide`` all tasks of that agent wait. ``ask`` with ``agent_wide``:
    no task can be given to that agent before a person has acted."""

    action: Literal["retry", "wait", "replan", "fail", "ask"]
    reason: str = ""
    wait_s: float = 0.0
    agent_wide: bool = False


REPLANS_ALLOWED = 1
"""How often a planner is asked about one task."""


def route(failures: Sequence[Failure], config: Config, task: str = "", replans: int = 0) -> Route:
    """Decide from the failures since the task was last opened, oldest first. ``replans`` counts the planner's answers so far;
    ``task`` only spreads the waits of several tasks."""
    if not failures:
        return Route("retry")
    last = failures[-1]
    if last.outcome == "interrupted":
        cut = sum(failure.outcome == "interrupted" for failure in failures)
        if cut >= INTERRUPTIONS_ALLOWED:
            return Route("ask", f"was interrupted {cut} times: {last.reason}")
        return Route("retry")
    if last.outcome == "unavailable":
        return _wait(failures, config, task)
    if last.outcome == "refused" and last.error:
        return Route("ask", last.reason, agent_wide=last.error.kind in AGENT_WIDE)
    if last.outcome not in _PRODUCT:
        return Route("ask", last.reason)
    tried = tries(failures)
    if tried < config.retry.attempts:
        return Route("retry")
    if config.retry.planner and replans < REPLANS_ALLOWED:
        return Route("replan", last.reason)
    times = "1 attempt" if tried == 1 else f"{tried} attempts"
    return Route("ask" if config.on_failure == "ask" else "fail", f"{times}, the last: {last.reason}")


def tries(failures: Sequence[Failure]) -> int:
    """How many of the task's tries are spent."""
    return sum(failure.outcome in _PRODUCT for failure in failures)


def _wait(failures: Sequence[Failure], config: Config, task: str) -> Route:
    last = failures[-1]
    assert last.error is not None
    streak = 0
    for failure in reversed(failures):
        if failure.outcome != "unavailable":
            break
        streak += 1
    first = failures[-streak].at
    if last.error.reset_at:
        wait = max(1.0, last.error.reset_at - last.at)
    elif last.error.retry_after_s:
        wait = last.error.retry_after_s
    else:
        jitter = 0.7 + 0.6 * crc32(f"{task}.{last.attempt}".encode()) / 2**32
        wait = min(LONGEST_STEP_S, config.retry.wait_seconds * 2.0 ** (streak - 1)) * jitter
    if last.at + wait - first > config.retry.wait_limit_minutes * 60:
        return Route("ask", f"waited since its attempt {failures[-streak].attempt} for the provider: {last.reason}")
    return Route("wait", last.reason, wait, agent_wide=last.error.kind in AGENT_WIDE)


_SESSION_WHOLE = frozenset({"interrupted", "unavailable"})
"""How an attempt may end from outside, so that its conversation is simply gone on with."""

_SESSION_LEARNS = frozenset({"gate_failed", "empty", "timeout", "stall"})
"""How an attempt may end so that its agent, told what was wrong, knows best what to do."""

_SESSION_SPENT = frozenset({"context_overflow", "unreadable", "session_lost", "crash"})


def goes_on(failures: Sequence[Failure], agent: str, config: Config) -> bool:
    """Whether the next attempt goes on with the session of the last one, if that can be had.

    Not when the session itself is broken (an agent that ends with an error, also one that was just resumed), nor when it failed
    twice in the same way: then its conversation is what leads astray.
    """
    if not failures or failures[-1].agent != agent:
        return False
    last = failures[-1]
    killed = bool(last.signal) and (last.error is None or last.error.kind == "crash")
    if last.error and last.error.kind in _SESSION_SPENT and not killed:
        return False
    if last.outcome in _SESSION_WHOLE:
        return True
    if config.retry.session == "fresh" or (len(failures) > 1 and failures[-2].fingerprint == last.fingerprint):
        return False
    turns = last.outcome == "agent_failed" and last.error is not None and last.error.kind == "turn_limit"
    return turns or killed or last.outcome in _SESSION_LEARNS


def next_agent(failures: Sequence[Failure], default: str, config: Config) -> str:
    """Who gets the next try: the default agent; the next of ``escalate`` each time the same failure came twice in a row, and, if it
    never did, the first of them for the last try."""
    product = [failure for failure in failures if failure.outcome in _PRODUCT]
    steps = sum(one.fingerprint == two.fingerprint for one, two in pairwise(product))
    last_try = config.retry.attempts > 1 and len(product) == config.retry.attempts - 1
    ladder = [default, *config.retry.escalate]
    return ladder[min(len(ladder) - 1, max(steps, int(last_try)))]


def fingerprint(outcome: str, verdicts: Sequence[Verdict], excerpt: str) -> str:
    """The same for two failures that are the same but for times, numbers, addresses and paths."""
    said = [outcome, *(part for verdict in verdicts for part in (verdict.gate, verdict.evidence or verdict.summary))]
    if not verdicts:
        said.append(excerpt)
    return blake2b(_CHANGING.sub("#", "\n".join(said)).encode("utf-8", "replace"), digest_size=8).hexdigest()
