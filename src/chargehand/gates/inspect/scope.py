"""Whether a change keeps to the files its task may touch."""

from __future__ import annotations

from chargehand.gates.inspect.globs import in_scope, listed
from chargehand.gates.inspect.judged import PREFIX, failed, finding, passed
from chargehand.model.work import Verdict
from chargehand.ports import Change, Sight


class Scope:
    """Fails a change of files outside what its task declares. A task that declares nothing may touch all."""

    name = PREFIX + "scope"

    def inspect(self, change: Change, sight: Sight) -> Verdict:  # noqa: ARG002  the names are enough
        outside = [path for path in change.files if not in_scope(change.task, path)]
        if not outside:
            return passed(self.name, change, "within its scope" if change.task.touches else "no scope declared")
        scope = ", ".join(change.task.touches)
        told = [
            finding(self.name, path, "outside the task's scope", fix=f"leave it as it was; yours is {scope}") for path in outside
        ]
        return failed(self.name, change, f"changes outside its scope ({scope}): {listed(outside)}", told)
