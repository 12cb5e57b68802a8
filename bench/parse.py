"""CPU seconds to load a spec of 10,000 tasks, beside a Markdown and a YAML parser on like texts. Run: python bench/parse.py"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from chargehand.service import specs
from chargehand.service.project import Project
from chargehand.spec.load import load

STATUSES = ("⬜ TODO", "🔄 IN_PROGRESS", "✅ DONE", "⬜ TODO")
PRIORITIES = ("🔴 P0", "🟠 P1", "🟡 P2", "🟢 P3")


def spec(tasks: int) -> str:
    """A tasks.md like those people write: about 300 bytes a task, four needs at most, some fences and comments."""
    parts = ["# Tasks\n\n> Generated for measuring.\n\n"]
    for number in range(1, tasks + 1):
        if number % 500 == 1:
            parts.append(f"## Milestone {number // 500 + 1}: stage {number // 500 + 1}\n\n")
        needs = [f"[TASK-{number - step:05d}]" for step in (1, 7, 50, 333) if number > step and (number + step) % 3 == 0]
        parts.append(
            f"### TASK-{number:05d}: Build part {number}\n"
            f"{PRIORITIES[number % 4]} | {STATUSES[number % 4]} | Est: {number % 3 + 1}-{number % 5 + 4}h\n\n"
            f"**Description:**\nMake part {number} work with what is there.\n\n"
            f"**Checklist:**\n- [ ] code for part {number}\n- [ ] docs\n\n"
            f"**Tests:**\n- [ ] unit tests\n\n"
            f"**Traces to:** [REQ-{number % 90 + 1:03d}]\n**Depends on:** {', '.join(needs) or '—'}\n\n---\n\n"
        )
        if number % 100 == 0:
            parts.append("```text\n### TASK-99999: only an example\n```\n\n<!-- a note -->\n\n")
    return "".join(parts)


def table(tasks: int) -> str:
    """An orchestrator.yaml with as many tasks."""
    parts = ["runners:\n  codex: {command: 'codex exec'}\ntasks:\n"]
    for number in range(1, tasks + 1):
        needs = [f"task-{number - step:05d}" for step in (1, 7, 50, 333) if number > step and (number + step) % 3 == 0]
        parts.append(
            f"  - name: task-{number:05d}\n    title: Build part {number}\n    runner: codex\n    prompt: tasks/{number}.md\n"
            f"    depends_on: [{', '.join(needs)}]\n    timeout_minutes: 30\n"
        )
    return "".join(parts)


def measure(call: Callable[[], object], times: int) -> float:
    """The median of CPU seconds."""
    seconds = []
    for _ in range(times):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


def fresh(code: str, folder: Path, times: int) -> float:
    """The median of the CPU seconds ``code`` says it took, each time in a new process."""
    values = [
        float(subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, check=True).stdout)
        for _ in range(times)
    ]
    return statistics.median(values)


SERVICE = """
import time
from pathlib import Path
from chargehand.service import specs
from chargehand.service.project import Project
start = time.process_time()
specs.read(Project(Path.cwd()), "spec/tasks.md")
print(time.process_time() - start)
"""


def main() -> None:
    """Print the figures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--tasks", type=int, default=10_000)
    arguments.add_argument("--times", type=int, default=5)
    options = arguments.parse_args()
    text, listed = spec(options.tasks), table(options.tasks)
    data = text.encode()
    print(f"{options.tasks:,} tasks, median of {options.times}, CPU seconds")
    print(f"  tasks.md, {len(data) / 1e6:.1f} MB")
    print(f"    load                        {measure(lambda: load(data, 'spec/tasks.md'), options.times):.3f}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "spec").mkdir()
        (folder / "spec" / "tasks.md").write_bytes(data)
        print(f"    load, in a new process      {fresh(SERVICE, folder, options.times):.3f}")
        Project(folder).prepare()
        specs.read(Project(folder), "spec/tasks.md")
        print(f"    from the cache              {measure(lambda: specs.read(Project(folder), 'spec/tasks.md'), options.times):.3f}")
        print(f"    from it, in a new process   {fresh(SERVICE, folder, options.times):.3f}")
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark")
    print(f"    markdown-it-py              {measure(lambda: parser.parse(text), 1):.3f}")
    print(f"  orchestrator.yaml, {len(listed) / 1e6:.1f} MB")
    print(f"    load                        {measure(lambda: load(listed.encode(), 'orchestrator.yaml'), options.times):.3f}")
    print(f"    yaml.safe_load              {measure(lambda: yaml.safe_load(listed), 1):.3f}")
    print(f"    yaml.load, its C loader     {measure(lambda: yaml.load(listed, yaml.CSafeLoader), 1):.3f}")


if __name__ == "__main__":
    main()
