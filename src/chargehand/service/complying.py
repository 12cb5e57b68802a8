"""Compliance after a run: whether what the spec says is done is proven, by the ledger and by the repository itself.

A tick is a claim. The proof is a commit that lies on the target, and the gates that passed on that very commit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from chargehand.depot import history, repository
from chargehand.model.config import Config
from chargehand.model.task import Section, Spec, Task
from chargehand.plan.cards import BY_PARTS
from chargehand.plan.coverage import coverage
from chargehand.plan.terms import judged_by
from chargehand.service import trails
from chargehand.service.project import Project
from chargehand.service.specoutputs import Compliance, ComplianceFinding
from chargehand.service.status import SCHEMA_VERSION, engine_of
from chargehand.service.trails import Trail, Trails, Try

_REVIEW, _LOOK = "review/", "inspect."
_BAD = {"fail": "gate-failed", "error": "gate-error", "skip": "gate-skipped"}


class Target(NamedTuple):
    """The branch, its tip (empty: there is none), the landed commits that are not on it, and under which other ones their files
    are."""

    name: str
    tip: str
    missing: frozenset[str]
    rewritten: Mapping[str, str]


def comply(project: Project, config: Config, spec: Spec, sections: dict[str, Section], only: str = "") -> Compliance:
    """Every finding at once. ``only``: just this task, and no requirements.

    Raises RepositoryProblem when commits were landed and there is no repository, or not that branch any more.
    """
    known = trails.read(project)
    target = _target(project, config, known)
    tasks = [task for task in spec.tasks if only in {"", task.id}]
    findings: list[ComplianceFinding] = []
    if engine_of(project) is not None:
        findings.append(
            _finding("running", "a run is under way: this is how it stands right now", "ask again after it", level="note")
        )
    proven: set[str] = set()
    for task in tasks:
        told = _judge(task, known, config, target)
        findings += told
        trail = known.tasks.get(task.id)
        if trail and trail.landed and not any(one["level"] == "problem" for one in told):
            proven.add(task.id)
    proven |= _groups(tasks, proven)
    requirements = met = 0
    if not only:
        findings += _unknown(spec, known)
        covered = coverage(spec, sections)
        done = proven | {name for name, trail in known.tasks.items() if trail.skipped_by}
        requirements = len(covered.requirements)
        for name in covered.requirements:
            meant = covered.meant(name)
            left = [task for task in meant if task not in done]
            met += bool(meant) and not left
            if not meant:
                hint = f"a task that says **Traces to:** [{name}]"
                findings.append(_finding("uncovered-requirement", f"no task is to meet {name}", hint, requirement=name))
            elif left:
                message = f"{name} is not met: {', '.join(left[:5])}{' ...' if len(left) > 5 else ''} {_are(left)} not proven"
                findings.append(_finding("open-requirement", message, "chargehand run --all", requirement=name))
    return {
        "schema_version": SCHEMA_VERSION,
        "ok": not any(one["level"] == "problem" for one in findings),
        "spec": spec.path,
        "target": target.name,
        "tip": target.tip or None,
        "tasks": len(tasks),
        "ticked": sum(task.status == "done" for task in tasks),
        "proven": len(proven),
        "requirements": requirements,
        "met": met,
        "findings": findings,
    }


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _target(project: Project, config: Config, known: Trails) -> Target:
    """The branch as it is in the user's repository now. Without landed commits nothing is to be looked for."""
    landed = {trail.commit for trail in known.tasks.values() if trail.commit}
    if not landed:
        return Target(config.target or known.target, "", frozenset(), {})
    his = repository.inspect(project.root)
    name = repository.target(his, config.target or known.target)
    tip = history.tip(his.git_dir, name)
    missing = history.strangers(his.git_dir, tip, sorted(landed))
    borrow = project.state / "depot.git" / "objects"
    rewritten = history.rewritten(his.git_dir, tip, sorted(missing), borrow if borrow.is_dir() else None) if missing and tip else {}
    return Target(name, tip, missing, rewritten)


def _judge(task: Task, known: Trails, config: Config, target: Target) -> list[ComplianceFinding]:
    """What speaks against a task being as done as the spec says, or as undone."""
    trail = known.tasks.get(task.id)
    ticked = task.status == "done"
    if trail is None or trail.landed is None:
        if not ticked or "cancelled" in task.tags or task.group:
            return []
        how = "somebody ticked it by hand" if trail and trail.by_hand else "nothing of it has landed"
        hint = "set it back to TODO and run it, if chargehand is to prove it"
        return [_finding("ticked-unproven", f"{task.id} is ticked, but {how}", hint, task.id)]
    found = []
    if not ticked:
        how = f" as {trail.commit[:12]}" if trail.commit else ""
        hint = known.pending or f"chargehand task done {task.id} --force"
        found.append(
            _finding("landed-unticked", f"{task.id} landed{how}, but is not ticked in the spec", hint, task.id, trail.commit)
        )
    if now := target.rewritten.get(trail.commit):
        message = (
            f"{task.id} landed as {trail.commit[:12]}, and what it landed is in {now[:12]} on {target.name}: somebody rewrote it"
        )
        hint = "file for file it is what the gates passed"
        found.append(_finding("rewritten", message, hint, task.id, now, level="note"))
    elif trail.commit in target.missing:
        hint = known.pending or f"was {target.name} reset or rebased? The work is kept: chargehand show {task.id}"
        message = f"{task.id} landed as {trail.commit[:12]}, which is not on {target.name}"
        found.append(_finding("not-on-target", message, hint, task.id, trail.commit))
    elif trail.commit != trail.judged:
        message = (
            f"{task.id} landed as {trail.judged[:12]} and lies on {target.name} as {trail.commit[:12]}: "
            "it was joined with your own commits"
        )
        hint = "the gates passed on what came of it"
        found.append(_finding("replayed", message, hint, task.id, trail.commit, level="note"))
    if trail.landed.heard and trail.landed.heard not in known.landed:
        found.append(_not_again(task, trail, trail.landed.heard))
    return found + _gates(task, trail, trail.landed, config)


def _not_again(task: Task, trail: Trail, judged: str) -> ComplianceFinding:
    """It landed on a target that had moved elsewhere, and was not judged as it landed there."""
    message = f"{task.id} was judged as {judged[:12]}, and not again when it landed as {trail.commit[:12]}: it shares no file"
    level: Literal["problem", "note"] = "note" if trail.settings.get("rejudge") == "overlap" else "problem"
    hint = 'rejudge = "always" judges what is merged'
    return _finding("not-judged-again", message, hint, task.id, trail.commit, level=level)


def _gates(task: Task, trail: Trail, landed: Try, config: Config) -> list[ComplianceFinding]:
    """Whether every gate it had to pass said yes to the very commit that landed."""
    if landed.agent == BY_PARTS:
        return []  # it lands when those it stands for have
    if not trail.judged or (task.evidence or trail.settings.get("evidence") or config.evidence) == "exit":
        if landed.done:
            return []
        return [_finding("exit-failed", f"{task.id}: its program did not end well", f"chargehand show {task.id}", task.id)]
    wanted = [gate for gate in trail.settings.get("gates", {}) if judged_by(task, gate)]
    said = {name: verdict for name, verdict in landed.said(trail.judged).items() if not name.startswith(_REVIEW)}
    found = [
        _finding(
            _BAD[verdict.verdict], f"{task.id}: gate {name}: {verdict.verdict} on {trail.judged[:12]}, {verdict.summary}",
            f"chargehand show {task.id}", task.id, trail.judged,
        )
        for name, verdict in said.items()
        if verdict.verdict in {"fail", "error"} or (verdict.verdict == "skip" and name in wanted)
    ]  # fmt: skip
    question = f"{landed.id}.gates-{trail.judged[:12]}"
    if found and (who := landed.approvals.get(question)):
        found = [{**one, "level": "note", "hint": f"{who} let it pass"} for one in found]
    for name in wanted:
        if name not in said:
            message = f"{task.id}: gate {name} never judged {trail.judged[:12]}, the commit that landed"
            found.append(_finding("gate-unheard", message, f"chargehand show {task.id}", task.id, trail.judged))
    if all(name.startswith(_LOOK) for name in said) and not wanted:
        message = f"{task.id} landed as {trail.judged[:12]} without any gate"
        found.append(_finding("no-gate", message, "a table [gates.NAME] in chargehand.toml", task.id, trail.judged, level="note"))
    return found


def _groups(tasks: list[Task], proven: set[str]) -> set[str]:
    """Groups are proven by what they stand for. Those of groups come after their members in this."""
    found: set[str] = set()
    waiting = [task for task in tasks if task.group and task.needs]
    while fresh := {task.id for task in waiting if task.id not in found and (proven | found).issuperset(task.needs)}:
        found |= fresh
    return found


def _unknown(spec: Spec, known: Trails) -> list[ComplianceFinding]:
    """What landed and is in the spec no more; a part of a split task stands for that one."""
    ids = {task.id for task in spec.tasks}
    return [
        _finding(
            "not-in-spec", f"{trail.task} landed as {trail.commit[:12]}, and is not in the spec any more", "", trail.task,
            trail.commit, level="note",
        )
        for trail in known.tasks.values()
        if trail.commit and trail.task not in ids and trail.part_of not in ids
    ]  # fmt: skip


def _finding(
    code: str, message: str, hint: str, task: str = "", commit: str = "", *, requirement: str = "",
    level: Literal["problem", "note"] = "problem",
) -> ComplianceFinding:  # fmt: skip
    return {
        "level": level, "code": code, "task": task, "requirement": requirement, "commit": commit, "message": message, "hint": hint,
    }  # fmt: skip
