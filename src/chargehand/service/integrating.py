"""Where a run lands when not on the target itself: on a branch of its own, which the target may take over later."""

from __future__ import annotations

from chargehand.depot import branches, repository
from chargehand.model.config import Config
from chargehand.model.task import Spec
from chargehand.ports import Store
from chargehand.service.project import Project
from chargehand.service.workplace import needs_git


def begin(project: Project, config: Config, spec: Spec, store: Store) -> str:
    """The branch of the run that is open, or of the next one; empty when it lands on the target. Raises RepositoryProblem."""
    opened = store.open_run()
    run = opened.id if opened else store.new_run_id()
    apart = config.integration != "target"
    if opened:  # where it has begun to land, there it ends
        apart = opened.target == branches.branch_of(run)
    if not apart or not needs_git(config, spec):
        return ""
    git_dir = repository.inspect(project.root).git_dir
    return branches.begin(git_dir, run, config.target, goes_on=opened is not None)


def drop(project: Project, config: Config, run: str) -> None:
    """The run was not opened after all."""
    branches.drop(repository.inspect(project.root).git_dir, run, config.target)
