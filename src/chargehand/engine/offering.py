"""At the end of a run with a branch of its own: the branch is offered to the user's target."""

from __future__ import annotations

from chargehand.brief.pull import Line, body, title
from chargehand.engine.crew import Crew
from chargehand.engine.ledger import Ledger
from chargehand.engine.tasks import Tasks
from chargehand.model.facts import RunOffered
from chargehand.ports import Offered


async def offer(crew: Crew, ledger: Ledger, tasks: Tasks) -> None:
    """Open the pull request, or say how the branch is taken over. Nothing where nothing landed."""
    lines = standing(ledger, tasks)
    if not crew.into or not any(line.commit for line in lines):
        return
    run, branch = ledger.board.run, crew.config.target
    offered = Offered(command=f"git merge {branch}")
    if crew.forge is not None:
        text = crew.redactor.text(body(run, crew.spec.path, lines))
        offered = await crew.offload(crew.forge.offer, branch, crew.into, title(run, crew.spec.path, lines), text)
    told = RunOffered(
        run=run,
        branch=branch,
        into=crew.into,
        url=offered.url,
        command=offered.command,
        problem=crew.redactor.text(offered.problem),
    )
    ledger.record(told)


def standing(ledger: Ledger, tasks: Tasks) -> list[Line]:
    """Every task of the run as it stands."""
    found = []
    for card in sorted(ledger.board.cards.values(), key=lambda card: card.order):
        task = tasks.get(card.id)
        if card.state != "cancelled":
            line = Line(
                task=card.id,
                title=card.title,
                state=card.state,
                reason=card.reason,
                commit=card.commit,
                attempts=card.attempts,
                usage=card.usage,
                traces=task.traces if task else (),
                verdicts=card.verdicts,
            )
            found.append(line)
    return found
