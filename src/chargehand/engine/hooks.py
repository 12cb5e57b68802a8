"""Plugins at work: their commands, one after the other, with what there is to know of the task in their environment."""

from __future__ import annotations

from typing import NamedTuple

from chargehand.engine.crew import Crew
from chargehand.engine.ending import Ended
from chargehand.engine.ledger import Ledger
from chargehand.model.facts import HooksOwed, Noticed, VerdictGiven
from chargehand.model.plugin import Hook, Plugin, Stage
from chargehand.model.task import Task
from chargehand.model.work import Exit, Verdict
from chargehand.plan.cards import Attempt
from chargehand.ports import Launch
from chargehand.process.scrub import scrub_streams
from chargehand.process.transcript import excerpt

GATE = "plugin/"
"""What the verdict of a plugin is called before its name."""

_LIMIT_S = 60.0
_STATUS = {"pre_start": "in_progress", "post_review": "review", "post_done": "done"}


class Ran(NamedTuple):
    """What a plugin's command came to."""

    plugin: str
    hook: Hook
    exit: Exit
    output: str


class Hooks:
    def __init__(self, crew: Crew, ledger: Ledger) -> None:
        self._crew, self._ledger = crew, ledger

    async def before(self, task: Task, attempt: Attempt) -> None:
        """``pre_start``. Raises :class:`Ended` when one that blocks fails."""
        for ran in await self._run("pre_start", task, attempt):
            if not ran.exit.ok and ran.hook.blocking:
                raise Ended("error", f"plugin {ran.plugin} did not let it begin: {ran.exit.describe()}", ran.output)
            self._notice(task, ran, "pre_start")

    async def judged(self, task: Task, attempt: Attempt, failed: Ended | None = None) -> None:
        """``post_review``, once for a commit: a verdict each. Raises :class:`Ended` when one that blocks fails."""
        for ran in await self._run("post_review", task, attempt, failed, once=True):
            said = Verdict(
                gate=GATE + ran.plugin,
                commit=attempt.commit,
                verdict="pass" if ran.exit.ok else "fail" if ran.hook.blocking else "skip",
                summary=ran.exit.describe() + ("" if ran.exit.ok or ran.hook.blocking else ", which does not block"),
                evidence="" if ran.exit.ok else ran.output,
                duration_s=max(0.0, ran.exit.ended_at - ran.exit.started_at),
            )
            self._ledger.record(VerdictGiven(task=task.id, attempt=attempt.id, verdict=said))
        await self._ledger.settled()
        blocked = [one for one in attempt.said if one.gate.startswith(GATE) and one.verdict == "fail"]
        if blocked and failed is None:
            raise Ended("gate_failed", "; ".join(f"{one.gate}: {one.summary}" for one in blocked))

    async def owe(self, task: Task, attempt: Attempt) -> None:
        """Note, before it lands, that plugins are to be told: who is killed in between leaves it to the next engine."""
        plugins = await self._crew.offload(self._crew.plugins)
        if attempt.id not in self._ledger.board.owed and any("post_done" in plugin.hooks for plugin in plugins):
            self._ledger.record(HooksOwed(task=task.id, attempt=attempt.id))

    async def after(self, task: Task, attempt: Attempt, failed: Ended | None = None) -> None:
        """``post_done``: it has landed, or failed. Nothing is changed by it any more, so what fails is only told.

        Told at least once. After a crash it may be told again; ``CHARGEHAND_KEY`` is the same then.
        """
        for ran in await self._run("post_done", task, attempt, failed):
            self._notice(task, ran, "post_done")
        if failed is None and attempt.id in self._ledger.board.owed:
            self._ledger.record(HooksOwed(task=task.id, attempt=attempt.id, paid=True))

    def _notice(self, task: Task, ran: Ran, stage: Stage) -> None:
        if not ran.exit.ok:
            message = f"{task.id}: plugin {ran.plugin} failed at {stage}: {ran.exit.describe()}"
            self._ledger.record(Noticed(level="warning", message=message))

    async def _run(
        self, stage: Stage, task: Task, attempt: Attempt, failed: Ended | None = None, *, once: bool = False
    ) -> list[Ran]:
        wanted = {"always", "on_success" if failed is None else "on_failure"}
        ran = []
        for plugin in await self._crew.offload(self._crew.plugins):
            hook = plugin.hooks.get(stage)
            if hook is None or hook.run_on not in wanted or (once and attempt.judged(GATE + plugin.name, attempt.commit)):
                continue
            ran.append(await self._call(stage, plugin, hook, task, attempt, failed))
            if hook.blocking and not ran[-1].exit.ok:
                break
        return ran

    async def _call(self, stage: Stage, plugin: Plugin, hook: Hook, task: Task, attempt: Attempt, failed: Ended | None) -> Ran:
        crew, logs = self._crew, self._crew.place(attempt.id) / "plugins"
        logs.mkdir(parents=True, exist_ok=True)
        place = logs / f"{len(list(logs.iterdir())) + 1}-{stage}"
        launch = Launch(
            argv=("/bin/sh", "-c", hook.command),
            cwd=plugin.folder or str(crew.root),
            env=crew.surroundings(place / "home") | self._facts(stage, task, attempt, failed),
            directory=str(place),
            timeout_s=_LIMIT_S,
        )
        exit_ = await crew.launcher.run(launch)
        await crew.offload(scrub_streams, place, crew.redactor)
        return Ran(plugin.name, hook, exit_, excerpt((place / "stdout.log", place / "stderr.log")))

    def _facts(self, stage: Stage, task: Task, attempt: Attempt, failed: Ended | None) -> dict[str, str]:
        """What a command is told: under the names spec-runner's plugins know, and under ours."""
        crew, ended = self._crew, attempt.exit
        seconds = max(0.0, ended.ended_at - ended.started_at) if ended else 0.0
        return {
            "PYTHONDONTWRITEBYTECODE": "1",  # it would change the folder the user agreed to
            "SR_TASK_ID": task.id,
            "SR_TASK_NAME": task.title,
            "SR_TASK_STATUS": "failed" if failed else _STATUS[stage],
            "SR_TASK_PRIORITY": f"p{task.priority}",
            "SR_PROJECT_ROOT": str(crew.root),
            "SR_SPEC_PREFIX": "",
            "SR_STATE_DB": str(crew.state / "ledger.db"),
            "SR_ATTEMPT_NUMBER": str(attempt.number),
            "SR_DURATION_SECONDS": f"{seconds:.1f}",
            "SR_ERROR": failed.reason if failed else "",
            "SR_ERROR_CODE": failed.outcome.upper() if failed else "",
            "CHARGEHAND_HOOK": stage,
            "CHARGEHAND_KEY": f"{attempt.id}.{stage}",
            "CHARGEHAND_RUN_ID": self._ledger.board.run,
            "CHARGEHAND_TASK_ID": task.id,
            "CHARGEHAND_ATTEMPT": str(attempt.number),
            "CHARGEHAND_AGENT": attempt.agent,
            "CHARGEHAND_TARGET": crew.config.target,
            "CHARGEHAND_BASE": attempt.proposal_base or attempt.base,
            "CHARGEHAND_COMMIT": attempt.proposal,
            "CHARGEHAND_OUTCOME": failed.outcome if failed else "",
        }
