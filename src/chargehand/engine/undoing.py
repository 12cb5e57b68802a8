"""Taking back what a task landed: the revert is made in the depot, without a checkout, and judged and landed like any change."""

from __future__ import annotations

from chargehand.engine.candidates import Candidates
from chargehand.engine.crew import Crew
from chargehand.engine.ending import Ended
from chargehand.engine.ledger import Ledger
from chargehand.model.errors import EnvironmentProblem
from chargehand.model.facts import CommitTaken
from chargehand.model.task import Task
from chargehand.plan.cards import Attempt
from chargehand.ports import Conflict


async def take_back(crew: Crew, ledger: Ledger, candidates: Candidates, task: Task, attempt: Attempt) -> None:
    """Make the revert the attempt's proposal. Raises :class:`Ended` when it conflicts with what landed since."""
    depot, board = crew.depot, ledger.board
    undone = board.cards[board.cards[task.id].about]
    assert depot is not None
    try:
        tree = await crew.offload(depot.without, undone.commit, attempt.base, crew.spec.all_files())
    except EnvironmentProblem as problem:
        if problem.code != "git":
            raise
        raise Ended("error", f"what {undone.id} landed is no longer here: {problem.message}") from problem
    if isinstance(tree, Conflict):
        names = ", ".join(tree.files)
        raise Ended("conflict", f"cannot be taken back: what landed since changes the same places in {names}")
    commit = await crew.offload(depot.propose, tree, [attempt.base], f"{task.id}: without {undone.commit}", {})
    files = await crew.offload(depot.changed, attempt.base, commit)
    if not files:
        raise Ended("empty", f"nothing of what {undone.id} landed is there any more")
    proposal = await candidates.propose(task, attempt, commit, attempt.base)
    taken = CommitTaken(task=task.id, attempt=attempt.id, commit=commit, proposal=proposal, base=attempt.base, files=files)
    ledger.record(taken)
    await ledger.settled()
