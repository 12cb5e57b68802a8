"""CPU seconds to load a tasks.md of 10,000 tasks, beside a Markdown parser on the same text. Run: python bench/parse.py"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

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


def measure(call: Callable[[], object], times: int) -> float:
    """The median of CPU seconds."""
    seconds = []
    for _ in range(times):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


def main() -> None:
    """Print the figures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--tasks", type=int, default=10_000)
    arguments.add_argument("--times", type=int, default=5)
    options = arguments.parse_args()
    text = spec(options.tasks)
    data = text.encode()
    print(f"{options.tasks:,} tasks, {len(data) / 1e6:.1f} MB, median of {options.times}, CPU seconds")
    print(f"  load          {measure(lambda: load(data, 'spec/tasks.md'), options.times):.3f}")
    try:
        from markdown_it import MarkdownIt
    except ImportError:
        print("  markdown-it-py is not installed")
        return
    parser = MarkdownIt("commonmark")
    print(f"  markdown-it   {measure(lambda: parser.parse(text), options.times):.3f}")


if __name__ == "__main__":
    main()
