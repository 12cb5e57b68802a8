"""What a planner is asked when a task's tries are spent, and how its answer is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from chargehand.brief.answer import objects
from chargehand.brief.brief import render
from chargehand.brief.schema import shape, strict
from chargehand.brief.text import fence
from chargehand.model.task import Section, Task
from chargehand.model.work import Failure

PARTS_ALLOWED = 8

Text = Annotated[str, msgspec.Meta(max_length=20_000)]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One part of a task that is split. ``needs`` counts earlier parts from 1; None: the part before it."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    description: Text = ""
    checklist: list[Annotated[str, msgspec.Meta(max_length=1000)]] = []
    needs: list[int] | None = None


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``rewrite``: try again with ``description`` added to the task. ``split``: do ``parts`` instead. ``defer``: try again when
    everything else is done. ``give_up``: it is for a person."""

    decision: Literal["rewrite", "split", "defer", "give_up"]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    description: Text = ""
    parts: Annotated[list[Part], msgspec.Meta(max_length=PARTS_ALLOWED)] = []


class _Line(msgspec.Struct):
    replan: msgspec.Raw


class _Whole(msgspec.Struct):
    replan: Answer


def question(task: Task, sections: Sequence[Section], failures: Sequence[Failure], *, run: str, spec_path: str) -> str:
    """The planner's brief: the task as its agents were told it, what became of that, and the form of the answer."""
    told = render(
        task, sections, failures, run=run, attempt=len(failures) + 1, spec_path=spec_path, evidence="commit", gates=()
    )  # fmt: skip
    schema = shape(Answer, 1)
    return "\n\n".join(
        (
            f"# Plan {task.id} anew",
            "Agents tried this task as often as they may, and none of it could be landed. You are the planner: change nothing, "
            "look at the workspace (the target branch as it is), find out why it failed, and decide what happens next.",
            "End with one line on standard output that is a JSON object with the key `replan`, after this schema:",
            fence(schema, "json"),
            "`rewrite` when the task was misunderstood or lacks what one has to know: write that. `split` when it is too much at "
            "once. `defer` when it waits for something other tasks will bring. `give_up` when only a person can decide; say what.",
            "What the agents were told follows.",
            fence(told, "markdown"),
        )
    )


def schema() -> str:
    """What the answer must fit, for programs that hold their model to a JSON Schema."""
    return strict(_Whole)


def read_answer(transcript: str) -> Answer | str:
    """The last answer in a transcript, or why there is none that can be used."""
    reason = "the planner gave no answer"
    for line in objects(transcript, "replan"):
        if not line.startswith("{"):
            continue
        try:
            answer = msgspec.json.decode(msgspec.json.decode(line, type=_Line).replan, type=Answer)
        except (msgspec.DecodeError, RecursionError) as error:
            reason = f"the planner's answer does not fit its schema: {error}"
            continue
        return _complaint(answer) or answer
    return reason


def _complaint(answer: Answer) -> str:
    if answer.decision == "split" and len(answer.parts) < 2:
        return "the planner split the task into fewer than two parts"
    if answer.decision == "rewrite" and not answer.description.strip():
        return "the planner rewrote the task without saying how"
    for number, part in enumerate(answer.parts, 1):
        if any(not 1 <= need < number for need in part.needs or ()):
            return f"part {number} of the planner's answer needs a part that does not come before it"
    return ""
