"""Throws mutated bytes at every spec format, guided by coverage. Needs atheris. Run: python bench/fuzz_spec.py --seconds 60

What it looks for: a traceback, a mark that changes what it was not asked to, a spec that cannot be read again after a mark.
Inputs that reach new code are kept in the corpus folder, if one is given. ``tests/spec/fuzzed.json`` holds some of those that were
made of our own texts: the tests ask the same of them.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from chargehand.model.task import FileStatus
from chargehand.spec.formats import FORMATS, detect, named

NAMES = [known.name for known in FORMATS]
STATUSES: tuple[FileStatus, ...] = ("done", "in_progress", "blocked", "todo")
CHOSEN: list[str] = []
"""The one format that is thrown at; none: all of them."""
PATHS = ("x.md", "spec/tasks.md", "ROADMAP.md", "a.json", "a.yaml", "issues.jsonl")
REAL = Path(os.environ.get("CHARGEHAND_CORPUS") or Path(__file__).parents[2] / "shared" / "corpus")


def one(data: bytes) -> None:
    """One input: its first byte chooses the format, the rest is the spec."""
    from chargehand.spec.load import check
    from chargehand.spec.writeback import mark_many

    if not data or (CHOSEN and NAMES[data[0] % len(NAMES)] not in CHOSEN):
        return
    name, path, body = NAMES[data[0] % len(NAMES)], PATHS[data[0] // len(NAMES) % len(PATHS)], data[1:]
    detect(path, body.decode("utf-8", "replace"))
    spec, problems = check(body, path, format_name=name)
    assert spec is not None or any(problem.severity == "error" for problem in problems)
    assert mark_many(body, {}, name)[0] == body
    if spec is None:
        return
    leaves = [task for task in spec.tasks if not task.group]  # what stands for others is marked with them
    chosen = (leaves or list(spec.tasks))[data[0] % len(leaves or spec.tasks)]
    status = STATUSES[len(body) % len(STATUSES)]
    changed, missing = mark_many(body, {chosen.id: (status, status == "done")}, name)
    again, _ = check(changed, path, format_name=name)
    assert again is not None, "after a mark it cannot be read any more"
    assert [task.id for task in again.tasks] == [task.id for task in spec.tasks]
    for before, after in zip(spec.tasks, again.tasks, strict=True):
        wanted = status if before.id == chosen.id and chosen.id not in missing else before.status
        assert after.status == wanted, (before.id, before.status, after.status)


def seeds(folder: Path) -> None:
    """Begin with what people really wrote: the smaller files of the corpus."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(REAL.glob("*/*.*")):
        data = file.read_bytes()
        name = {"backlog-md": "backlog"}.get(file.parent.name, file.parent.name)
        if name in NAMES and name in (CHOSEN or NAMES) and len(data) < 8_000:
            (folder / f"seed-{name}-{file.name}").write_bytes(bytes([NAMES.index(name)]) + data)


def main() -> None:
    """Fuzz for a while."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("corpus", nargs="?", default="")
    arguments.add_argument("--seconds", type=int, default=60)
    arguments.add_argument("--longest", type=int, default=8000, metavar="BYTES")
    arguments.add_argument("--format", choices=NAMES, default="", help="this one only")
    options = arguments.parse_args()
    CHOSEN.extend(filter(None, [options.format]))
    flags: list[Any] = [
        sys.argv[0],
        f"-max_total_time={options.seconds}",
        "-timeout=20",
        "-rss_limit_mb=1500",
        f"-max_len={options.longest}",
    ]
    if options.corpus:
        seeds(Path(options.corpus))
        flags.append(options.corpus)
    import atheris  # type: ignore[import-untyped]

    with atheris.instrument_imports(include=["chargehand.spec"]):
        import chargehand.spec.load
        import chargehand.spec.writeback  # noqa: F401

        for name in NAMES:
            named(name)
    atheris.Setup(flags, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
