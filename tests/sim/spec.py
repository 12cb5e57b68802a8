"""The spec's text, what its author does to it, and how it is read.

Reading and marking are pure, and each story does so with the same few texts again and again: what came of it is kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from random import Random

from chargehand.spec import load, writeback

read = lru_cache(maxsize=100)(lambda text, path: load.load(text.encode(), path))
mark = lru_cache(maxsize=100)(writeback.mark)


def block(task: str, needs: Sequence[str], priority: int, hours: int) -> str:
    wanted = f"**Depends on:** {', '.join(f'[{need}]' for need in needs)}\n\n" if needs else ""
    return f"### {task}: Do {task.lower()}\n🟠 P{priority} | ⬜ TODO | Est: {hours}h\n\n**Checklist:**\n- [ ] make it\n\n{wanted}"


def first(rng: Random, count: int, densities: Sequence[int] = (0, 1, 1, 2)) -> str:
    """A spec of ``count`` tasks, each needing some of the earlier ones."""
    tasks = [f"TASK-{number:03d}" for number in range(1, count + 1)]
    density = rng.choice(densities)
    text = "# Tasks\n\n"
    for number, task in enumerate(tasks):
        needs = sorted(rng.sample(tasks[:number], min(number, rng.randint(0, density))))
        text += block(task, needs, rng.randint(0, 3), rng.randint(1, 8))
    return text


def ids(text: str) -> list[str]:
    return re.findall(r"^### (TASK-\d+):", text, re.MULTILINE)


def done(text: str) -> set[str]:
    """The tasks that are ticked."""
    return {match[1] for match in re.finditer(r"^### (TASK-\d+):.*\n.*DONE", text, re.MULTILINE)}


def add(text: str, rng: Random, task: str) -> str:
    old = ids(text)
    return text + block(task, sorted(rng.sample(old, min(len(old), rng.randint(0, 1)))), rng.randint(0, 3), 2)


def remove(text: str, task: str) -> str:
    """Without a task, and without anybody needing it."""
    kept = [part for part in re.split(r"(?=^### )", text, flags=re.MULTILINE) if not part.startswith(f"### {task}:")]
    text = "".join(kept)
    text = re.sub(rf", \[{task}\]|\[{task}\], ", "", text)
    return re.sub(rf"\*\*Depends on:\*\* \[{task}\]\n\n", "", text)


def retitle(text: str, task: str, title: str) -> str:
    return re.sub(rf"^### {task}:.*$", f"### {task}: {title}", text, flags=re.MULTILINE)
