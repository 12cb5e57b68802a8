"""Each kind of fact in one line for people. Kinds that are not here say nothing to them."""

from __future__ import annotations

from functools import singledispatch
from typing import TextIO

from chargehand.doors.cli.render.style import paint
from chargehand.doors.cli.render.text import console_safe, duration, plural
from chargehand.model import facts
from chargehand.plan.cards import BY_REVERT


@singledispatch
def sentence(_fact: object, _stream: TextIO) -> str:
    """The line for a fact, coloured if the stream wants it; empty when there is nothing to say."""
    return ""


@sentence.register
def _(fact: facts.RunStarted, _stream: TextIO) -> str:
    onto = f" onto {fact.target}" if fact.target else ""
    return f"run {fact.run}: {fact.spec}{onto}, agent {fact.agent}, up to {plural(fact.jobs, 'task')} at once"


@sentence.register
def _(fact: facts.RunContinued, _stream: TextIO) -> str:
    return f"run {fact.run} continues, agent {fact.agent}"


@sentence.register
def _(fact: facts.AttemptClaimed, _stream: TextIO) -> str:
    again = f" again (attempt {fact.number})" if fact.number > 1 else ""
    if fact.agent == BY_REVERT:
        return f"{fact.task}  reverts{again}"
    return f"{fact.task}  {fact.agent} begins{again}"


@sentence.register
def _(fact: facts.AttemptExited, _stream: TextIO) -> str:
    if not fact.exit.ok or fact.exit.ended_at == fact.exit.started_at:
        return ""  # the end of the attempt says it; or no agent was at work
    return f"{fact.task}  agent done after {duration(fact.exit.ended_at - fact.exit.started_at)}"


@sentence.register
def _(fact: facts.VerdictGiven, stream: TextIO) -> str:
    verdict = fact.verdict
    if verdict.verdict == "pass":
        doubt = f", {paint('flaky', 'yellow', stream)}" if verdict.summary.startswith("flaky: ") else ""
        return f"{fact.task}  gate {verdict.gate}: {paint('pass', 'green', stream)}{doubt}"
    return f"{fact.task}  gate {verdict.gate}: {paint(verdict.verdict, 'red', stream)}, {console_safe(verdict.summary)}"


@sentence.register
def _(fact: facts.CandidateMade, _stream: TextIO) -> str:
    return f"{fact.task}  the target moved: merged onto its tip, to be judged again"


@sentence.register
def _(fact: facts.AttemptEnded, stream: TextIO) -> str:
    if fact.outcome == "gate_failed":
        return ""  # the gate said it
    return f"{fact.task}  {paint('not landed', 'yellow', stream)}: {console_safe(fact.reason)}"


@sentence.register
def _(fact: facts.TaskLanded, stream: TextIO) -> str:
    if not fact.attempt:
        return ""
    return f"{fact.task}  {paint('landed', 'green', stream)}{f' as {fact.commit[:10]}' if fact.commit else ''}"


@sentence.register
def _(fact: facts.TaskFailed, stream: TextIO) -> str:
    return f"{fact.task}  {paint('failed', 'red', stream)}: {console_safe(fact.reason)}"


@sentence.register
def _(fact: facts.TaskNeedsHuman, stream: TextIO) -> str:
    return f"{fact.task}  {paint('needs you', 'yellow', stream)}: {console_safe(fact.reason)}"


@sentence.register
def _(fact: facts.TaskReopened, _stream: TextIO) -> str:
    return f"{fact.task}  opened again by {console_safe(fact.by)}"


@sentence.register
def _(fact: facts.TaskSkipped, stream: TextIO) -> str:
    reason = f": {console_safe(fact.reason)}" if fact.reason else ""
    return f"{fact.task}  {paint('skipped', 'yellow', stream)} by {console_safe(fact.by)}{reason}"


@sentence.register
def _(fact: facts.ReviewAsked, _stream: TextIO) -> str:
    return f"{fact.task}  {fact.agent} reviews it: {console_safe(fact.role)}"


@sentence.register
def _(fact: facts.ReviewGiven, stream: TextIO) -> str:
    said = fact.verdict
    word = paint(said.verdict, "green" if said.verdict == "pass" else "red", stream)
    return f"{fact.task}  {said.gate}: {word}, {console_safe(said.summary)}"


@sentence.register
def _(fact: facts.QuestionAsked, stream: TextIO) -> str:
    how = f"chargehand diff {fact.task}, then approve, reject or skip it"
    return f"{fact.task}  {paint('needs you', 'yellow', stream)}: {console_safe(fact.text)} ({how})"


@sentence.register
def _(fact: facts.QuestionAnswered, _stream: TextIO) -> str:
    comment = f": {console_safe(fact.comment)}" if fact.comment else ""
    return f"{fact.task}  {fact.answer} by {console_safe(fact.by)}{comment}"


@sentence.register
def _(fact: facts.ReplanAsked, _stream: TextIO) -> str:
    return f"{fact.task}  {fact.agent} plans it anew"


@sentence.register
def _(fact: facts.TaskReplanned, stream: TextIO) -> str:
    parts = f" into {', '.join(fact.parts)}" if fact.parts else ""
    word = paint(fact.decision.replace("_", " "), "yellow", stream)
    return f"{fact.task}  {word}{parts}: {console_safe(fact.reason)}"


@sentence.register
def _(fact: facts.TargetMoved, _stream: TextIO) -> str:
    joined = f", {len(fact.commits)} landed commits were put on it" if fact.commits else ""
    return f"somebody moved the target to {fact.new[:10]}{joined}; work goes on from there"


@sentence.register
def _(fact: facts.RunOffered, stream: TextIO) -> str:
    if fact.url:
        return f"run {fact.run}: pull request {console_safe(fact.url)}"
    why = f" ({console_safe(fact.problem)})" if fact.problem else ""
    return f"run {fact.run} landed on {fact.branch}{why}. To take it over: {paint(console_safe(fact.command), 'cyan', stream)}"


@sentence.register
def _(fact: facts.Noticed, stream: TextIO) -> str:
    hint = f" ({console_safe(fact.hint)})" if fact.hint else ""
    return f"{paint(fact.level, 'yellow', stream)}: {console_safe(fact.message)}{hint}"
