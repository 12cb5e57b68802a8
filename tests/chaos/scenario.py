"""A project for chaos: a repository, a spec and a scripted agent, all made from a seed, and always with the same outcome.

The agent is a shell script outside the project. Whatever it does it first leaves a dirty file, then a receipt, so that every real
start is known and can be held against the ledger. Its work does not depend on the order in which tasks land, nor on how often they
are tried: the final tree is one and the same for every way there.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

COST = 0.01
"""USD every agent reports that comes that far."""

_DAY_ONE = "2024-01-01T00:00:00+00:00"

# What an agent may do besides; the shell sees it with $t (its task) and $n (the number of the attempt).
TRAITS = {
    "plain": "",
    "fails first": 'test "$n" -gt 1 || echo BAD >> "out/$t.txt"',
    "commits itself": 'git add --all && git commit --quiet --message "half of $t"; note_commit; echo more >> "out/$t.txt"',
    "leaves a daemon": "setsid sleep 300 >/dev/null 2>&1 &",
    "gives up first": 'test "$n" -gt 1 || { echo "no idea" >&2; exit 3; }',
    "shares a file": "sort -u shared.txt - > shared.new <<END\n$t was here\nEND\nmv shared.new shared.txt",
    "edits its line": 'sed -i "s/^line of $t\\$/line of $t, done/" lines.txt',
}

AGENT = """#!/bin/sh
t=$CHARGEHAND_TASK_ID n=$CHARGEHAND_ATTEMPT a=$CHARGEHAND_RUN_ID.$CHARGEHAND_TASK_ID.$CHARGEHAND_ATTEMPT
echo $$ > ".dirty-$t"
exec 9>> "{outside}/lock-$t"
flock --nonblock 9 || echo "overlap $a" >> "{outside}/receipts"
echo "start $a $$" >> "{outside}/receipts"
note_commit() {{ echo "commit $a $(git rev-parse HEAD)" >> "{outside}/receipts"; }}
{pause}
mkdir -p out; echo "the work of $t" > "out/$t.txt"
{special}
echo '{{"usage": {{"input_tokens": 100, "output_tokens": 10}}, "cost_usd": {cost}}}'
echo "report $a {cost}" >> "{outside}/receipts"
{pause}
rm ".dirty-$t"
"""

GATE = "sleep 0.05; ! grep -rs BAD out"


class Receipts(NamedTuple):
    """What the agents wrote down: attempts really started, those that reported, those that met another at work, and commits."""

    started: list[str]
    reported: dict[str, float]
    overlaps: list[str]
    commits: list[tuple[str, str]]


class Scenario:
    """``tasks`` are ids with what they need and what their agent does besides; ``gates`` how many there are."""

    def __init__(self, seed: int, *, pause: float = 0.15) -> None:
        chance = random.Random(seed)
        self.seed, self._pause = seed, pause
        count = chance.randint(6, 9)
        names = [f"TASK-{number:03d}" for number in range(1, count + 1)]
        needs: dict[str, Sequence[str]] = dict.fromkeys(names, ())
        top, left, right, bottom = names[:4]
        needs |= {left: [top], right: [top], bottom: [left, right]}
        rest = [trait for trait in TRAITS if trait != "shares a file"]
        chance.shuffle(rest)
        traits = ["shares a file"] * 2 + [rest[number % len(rest)] for number in range(count - 2)]
        chance.shuffle(traits)
        self.tasks = {name: (needs[name], trait) for name, trait in zip(names, traits, strict=True)}
        self.pauses = {name: round(chance.uniform(0.2, 1.8) * pause, 3) for name in names}
        self.gates = chance.randint(1, 2)
        self.jobs = chance.randint(2, 4)

    @classmethod
    def small(cls) -> Scenario:
        """Three tasks: one that is tried twice, two that are merged. For counting calls one by one."""
        made = cls(0, pause=0.0)
        made.tasks = {
            "TASK-001": ((), "fails first"),
            "TASK-002": ((), "edits its line"),
            "TASK-003": (("TASK-001",), "commits itself"),
        }
        made.pauses = {"TASK-001": 0.0, "TASK-002": 0.1, "TASK-003": 0.0}
        made.gates, made.jobs = 1, 2
        return made

    def expected_starts(self) -> Counter[str]:
        """How often the agent of each task starts when nothing is ever killed. Who shares a file may have to start again."""
        return Counter({name: 2 if "first" in trait else 1 for name, (_, trait) in self.tasks.items() if "share" not in trait})

    def make(self, root: Path) -> Project:
        """The project in ``root/project``, with the agent and its receipts beside it. Same seed, same commit."""
        project = Project(root / "project", root)
        project.write("README.md", "# A project\n")
        project.write("shared.txt", "first line\n")
        project.write("lines.txt", "".join(f"line of {name}\n" + "between\n" * 8 for name in self.tasks))
        project.write("spec/tasks.md", self._spec())
        gates = "".join(f'[gates.g{number}]\ncommand = "{GATE}"\n' for number in range(self.gates))
        agent = '[agents.fake]\ncommand = ["../agent.sh"]\n'
        limits = "[timeouts]\nkill_seconds = 1.0\n"
        project.write("chargehand.toml", f'agent = "fake"\njobs = {self.jobs}\n[retry]\nattempts = 12\n{limits}{agent}{gates}')
        (root / "agent.sh").write_text(self._agent(root))
        (root / "agent.sh").chmod(0o755)
        project.git("init", "--quiet", "--initial-branch=main")
        project.git("config", "user.name", "Tester")
        project.git("config", "user.email", "tester@example.invalid")
        project.git("add", "--all")
        project.git("commit", "--quiet", "--message", "First commit")
        return project

    def _spec(self) -> str:
        lines = ["# Tasks", ""]
        for name, (needs, trait) in self.tasks.items():
            lines += [f"### {name}: A task that {trait}", "🟠 P1 | ⬜ TODO | Est: 1h", "", f"- [ ] make out/{name}.txt", ""]
            lines += [f"**Depends on:** {', '.join(f'[{need}]' for need in needs)}", ""] if needs else []
        return "\n".join(lines)

    def _agent(self, root: Path) -> str:
        def cases(of: Callable[[str], str]) -> str:
            return "case $t in\n" + "".join(f"{name})\n{of(name) or ':'}\n;;\n" for name in self.tasks) + "esac"

        return AGENT.format(
            outside=root,
            pause=cases(lambda name: f"sleep {self.pauses[name]}" if self.pauses[name] else ""),
            special=cases(lambda name: TRAITS[self.tasks[name][1]]),
            cost=COST,
        )


class Project:
    """The user's project, and what is kept outside of it."""

    def __init__(self, root: Path, outside: Path) -> None:
        self.root, self.outside = root, outside
        self.state = root / ".chargehand"

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def git(self, *args: str, check: bool = True, depot: bool = False) -> str:
        """git as the user would call it, in his checkout or (``depot``) in our bare repository."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        env |= {"GIT_AUTHOR_DATE": _DAY_ONE, "GIT_COMMITTER_DATE": _DAY_ONE, "GIT_CONFIG_GLOBAL": "/dev/null"}
        where = ["--git-dir", str(self.state / "depot.git")] if depot else []
        done = subprocess.run(["git", *where, *args], cwd=self.root, env=env, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise AssertionError(f"git {' '.join(args)}: {done.stderr or done.stdout}")
        return (done.stdout + ("" if check else done.stderr)).strip()

    def receipts(self) -> Receipts:
        file = self.outside / "receipts"
        lines = [line.split() for line in (file.read_text() if file.exists() else "").splitlines()]
        return Receipts(
            [words[1] for words in lines if words[0] == "start"],
            {words[1]: float(words[2]) for words in lines if words[0] == "report"},
            [words[1] for words in lines if words[0] == "overlap"],
            [(words[1], words[2]) for words in lines if words[0] == "commit"],
        )
