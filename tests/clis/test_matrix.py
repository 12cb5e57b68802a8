"""Through the real command line: all that providers, tools and people may do to a program, in one run of each of them.

Each row of the table is a task with an agent of its own, so that what befalls one is nothing to the others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.clis.conftest import KEY, VARIABLE, Site, dollars, each
from tests.kit.modelserver import Request, total
from tests.kit.processes import named
from tests.kit.script import TEXT

LONG = "".join(f"Line {number}: nothing to be done about this one.\n" for number in range(5500))
"""240 kB and more."""


class Row(NamedTuple):
    """What the provider plays, and what is to become of the task, besides attempts that the provider could not serve. ``refused``:
    how the provider refused requests of it; again and again counts once."""

    plays: str
    state: str = "landed"
    outcomes: tuple[str, ...] = ("landed",)
    refused: tuple[int, ...] = ()


WORKS, HANGS, DENIED = "is told 240 kB, works and leaves a daemon", "is never answered", "may not use a tool"
ROWS = {
    WORKS: Row("daemon:{mark}"),
    HANGS: Row("hang", "failed", ("timeout",)),
    "has a bad key": Row("401", "needs_human", ("refused",), (401,)),
    "meets a limit, then an overload": Row("flaky:2:429+529", refused=(429, 529)),
    "meets an error of the server": Row("flaky:1:500", refused=(500,)),
    "has a full context": Row("context", "failed", ("agent_failed",), (400,)),
    "has its answer cut": Row("cut:1"),
    DENIED: Row("denied:touch+more.txt", "needs_human", ("refused",)),
}
FORBIDDEN = {
    "claude": """args = ["--settings", '{"permissions": {"deny": ["Bash(touch:*)"]}}']""",
    "opencode": 'env = ["OPENCODE_PERMISSION"]',
    "gemini": 'args = ["--policy", "no-touch.toml"]',
}
"""How each is denied a tool. Pi knows no permissions, and Codex none but those of its own sandbox, in which it is not run."""

PERMISSION = json.dumps({"bash": {"*": "allow", "touch*": "deny"}})
POLICY = '[[rule]]\ntoolName = "run_shell_command"\ncommandPrefix = "touch"\ndecision = "deny"\npriority = 900\n'


class Matrix:
    """The rows as tasks of a project."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.mark = f"left-{site.server.url.rpartition(':')[2]}"
        names = [name for name in ROWS if name != DENIED or site.program.kind in FORBIDDEN]
        self.tasks = {name: f"TASK-{number:03}" for number, name in enumerate(names, 1)}

    def path(self, name: str) -> str:
        """The path at the provider, which says what is played."""
        return f"/s/{ROWS[name].plays.format(mark=self.mark)}@{self.tasks[name]}.txt"

    def asked(self, name: str) -> list[Request]:
        return [request for request in self.site.server.requests if request.path.startswith(f"{self.path(name)}/")]

    def prepare(self) -> None:
        front, lines, agents, program = ["+++"], ["# Tasks", ""], [], self.site.program
        for name, task in self.tasks.items():
            front += [f"[tasks.{task}]", f'agent = "{task}"']
            if name == HANGS:
                front.append(f"timeout_minutes = {program.patience_s / 60}")
            lines += [f"### {task}: One that {name}", "🟠 P1 | ⬜ TODO | Est: 1h", "", LONG if name == WORKS else "Say hello.", ""]
            agents += [
                f'[agents.{task}]\nkind = "{program.kind}"\nprogram = "{program.path}"\nmodel = "{program.model}"',
                f'url = "{self.site.server.url}{self.path(name)}"\nkey = "{VARIABLE}"',
                FORBIDDEN[program.kind] if name == DENIED else "",
            ]
        settings = "jobs = 3\nbrief_chars = 1_000_000\n[retry]\nwait_seconds = 0.1\nattempts = 1\n[timeouts]\nkill_seconds = 1"
        self.site.prepare(config=settings, agent="\n".join(agents))
        self.site.write("no-touch.toml", POLICY)
        self.site.write("spec/tasks.md", "\n".join([*front, "+++", *lines]))
        self.site.commit("all rows")


@pytest.mark.timeout(400)
@each
def test_what_may_happen_to_it(site: Site) -> None:
    matrix = Matrix(site)
    matrix.prepare()
    site.limit_s = 300
    site.run("run", "--all", code=1, env={"OPENCODE_PERMISSION": PERMISSION})
    states = site.states()
    wanted = {name: ROWS[name][1:] for name in matrix.tasks}
    seen = {
        name: (
            states[task],
            tuple(outcome for outcome in site.outcomes(task) if outcome != "unavailable"),
            tuple(dict.fromkeys(request.status for request in matrix.asked(name) if request.status >= 400)),
        )
        for name, task in matrix.tasks.items()
    }
    assert seen == wanted
    for name, task in matrix.tasks.items():
        if ROWS[name].state == "landed":
            assert (site.content(f"{task}.txt"), site.content(f"{task}.txt.ran")) == (TEXT.strip(), "ran"), name
    assert named(matrix.mark) == [], "nothing a tool left behind goes on running"
    _priced(matrix)
    _secret(matrix)


def _priced(matrix: Matrix) -> None:
    """The price is the provider's, and all was said to him."""
    requests = matrix.asked(WORKS)
    (attempt,), spent = matrix.site.attempts(matrix.tasks[WORKS]), total(requests)
    assert (attempt["input_tokens"], attempt["output_tokens"]) == (spent.input, spent.output)
    assert attempt["cost_usd"] == pytest.approx(dollars(spent), abs=1e-6)
    prompts = [request.asked.prompt.replace("> ", "") for request in requests if request.asked]
    assert any(LONG.strip() in prompt for prompt in prompts), [len(prompt) for prompt in prompts]


def _secret(matrix: Matrix) -> None:
    """The real key is put in outside of the cage, and was never in it."""
    site = matrix.site
    assert {request.key for request in site.server.requests} == {KEY}
    surroundings = site.content(f"{matrix.tasks[WORKS]}.txt.env")
    assert f"CHARGEHAND_TASK_ID={matrix.tasks[WORKS]}" in surroundings
    assert KEY not in surroundings
    assert site.server.url not in surroundings, "the provider itself is out of reach"
    assert site.holders_of(KEY) == []
    bodies: Iterator[str] = (json.dumps(request.body).lower() for request in site.server.answered())
    assert not any("co-authored-by" in body for body in bodies), "who wrote it is said by us"
