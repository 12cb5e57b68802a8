"""A difference between two trees, cut into tasks that a scripted agent can do in any order their needs allow.

A file both trees hold as text is cut into hunks. What is taken of it is written ``path`` (all of it) or ``path#1,3-5`` (those
hunks, counted from 1). Any other change, be it an addition, a removal, a binary file or a changed mode, is taken whole.
"""

from __future__ import annotations

import difflib
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

_CONTEXT = 3


class File(NamedTuple):
    data: bytes
    executable: bool


Tree = Mapping[str, File]


@dataclass(frozen=True)
class Job:
    """A task to be: what it is called, what it takes of the difference, and which jobs (by their ``key``) it builds on."""

    key: str
    title: str
    takes: tuple[str, ...]
    needs: tuple[str, ...] = ()


class Hunk(NamedTuple):
    """``start`` is the index of its first line in the old file; ``lines`` are those of a unified diff."""

    start: int
    old: int
    new: int
    lines: tuple[bytes, ...]


# --- trees --------------------------------------------------------------------------------------------------------------------


def read_sdist(archive: Path) -> dict[str, File]:
    """The files of a source distribution, without its outermost folder. Raises ValueError for anything that is no file."""
    tree: dict[str, File] = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isdir():
                continue
            data = tar.extractfile(member) if member.isreg() else None
            if data is None:
                raise ValueError(f"{archive.name}: {member.name} is not a plain file")
            tree[str(PurePosixPath(*PurePosixPath(member.name).parts[1:]))] = File(data.read(), bool(member.mode & 0o100))
    return tree


def write_tree(tree: Tree, root: Path) -> None:
    """Put the files below ``root``."""
    for path, file in tree.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.data)
        place.chmod(0o755 if file.executable else 0o644)


def read_tree(root: Path, paths: Iterable[str]) -> dict[str, File]:
    """Those files below ``root``, as they lie there."""
    return {path: File((root / path).read_bytes(), bool((root / path).stat().st_mode & 0o100)) for path in paths}


def changed(old: Tree, new: Tree) -> list[str]:
    """Paths that differ in content or mode, or are on one side only."""
    return sorted(path for path in {*old, *new} if old.get(path) != new.get(path))


# --- hunks --------------------------------------------------------------------------------------------------------------------


def hunks(old: Tree, new: Tree, path: str) -> list[Hunk]:
    """The hunks of a file that can be cut; none for one that must be taken whole."""
    was, now = old.get(path), new.get(path)
    if was is None or now is None or was.executable != now.executable or not (_is_text(was.data) and _is_text(now.data)):
        return []
    before, after = _lines(was.data), _lines(now.data)
    groups = difflib.SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(_CONTEXT)
    return [_hunk(group, before, after) for group in groups]


def _is_text(data: bytes) -> bool:
    try:
        return "\0" not in data.decode()
    except UnicodeDecodeError:
        return False


def _lines(data: bytes) -> list[bytes]:
    """Lines as git has them: only a line feed ends one."""
    lines = [line + b"\n" for line in data.split(b"\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def _hunk(group: Sequence[tuple[str, int, int, int, int]], before: list[bytes], after: list[bytes]) -> Hunk:
    lines: list[bytes] = []
    for kind, old_from, old_to, new_from, new_to in group:
        if kind == "equal":
            lines += [_marked(b" ", line) for line in before[old_from:old_to]]
        else:
            lines += [_marked(b"-", line) for line in before[old_from:old_to]]
            lines += [_marked(b"+", line) for line in after[new_from:new_to]]
    return Hunk(group[0][1], group[-1][2] - group[0][1], group[-1][4] - group[0][3], tuple(lines))


def _marked(sign: bytes, line: bytes) -> bytes:
    return sign + line if line.endswith(b"\n") else sign + line + b"\n\\ No newline at end of file\n"


def patch(path: str, chosen: Iterable[Hunk]) -> str:
    """A unified diff of those hunks of one file."""
    text = [f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n"]
    moved = 0
    for hunk in chosen:
        start = hunk.start + 1 if hunk.old else hunk.start
        text.append(f"@@ -{start},{hunk.old} +{start + moved},{hunk.new} @@\n" + b"".join(hunk.lines).decode())
        moved += hunk.new - hunk.old
    return "".join(text)


# --- tasks --------------------------------------------------------------------------------------------------------------------


def cut(old: Tree, new: Tree, jobs: Sequence[Job]) -> dict[str, list[dict[str, str]]]:
    """The steps of every job, by its key. A step that copies a file names it by its path in the new tree (``from``).

    Raises ValueError unless the jobs take every bit of the difference exactly once.
    """
    rest = {path: set(range(1, len(hunks(old, new, path)) + 1)) or {0} for path in changed(old, new)}
    steps = {job.key: [_step(old, new, taken, rest) for taken in job.takes] for job in jobs}
    if left := [f"{path}#{','.join(map(str, sorted(numbers)))}" for path, numbers in rest.items() if numbers]:
        raise ValueError(f"nobody takes {' '.join(left)}")
    return steps


def _step(old: Tree, new: Tree, taken: str, rest: dict[str, set[int]]) -> dict[str, str]:
    path, _, wanted = taken.partition("#")
    parts = hunks(old, new, path)
    numbers = set(_numbers(wanted)) if wanted else set(range(1, len(parts) + 1)) or {0}
    if not numbers <= rest.get(path, set()):
        raise ValueError(f"{taken} is taken already, or does not differ")
    rest[path] -= numbers
    if parts:
        return {"patch": patch(path, (parts[number - 1] for number in sorted(numbers)))}
    if path not in new:
        return {"delete": path}
    return {"write": path, "from": path, "mode": "755" if new[path].executable else "644"}


def _numbers(text: str) -> Iterable[int]:
    for part in text.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def script(steps: Mapping[str, Sequence[Mapping[str, str]]], ids: Mapping[str, str], material: str) -> str:
    """The scripted agent's file. ``ids`` gives each job its task; files to copy lie below ``material``."""
    lines: list[str] = []
    for key, performed in steps.items():
        for step in performed:
            lines += ["[[step]]", f"task = {_quoted(ids[key])}"]
            lines += [f"{name} = {_quoted(f'{material}/{value}' if name == 'from' else value)}" for name, value in step.items()]
            lines.append("")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """A TOML text: JSON's quoting will do, but for one character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def spec(jobs: Sequence[Job], ids: Mapping[str, str]) -> str:
    """A ``tasks.md`` of spec-runner's kind."""
    lines = ["# Tasks", ""]
    for job in jobs:
        lines += [f"### {ids[job.key]}: {job.title}", "🟠 P1 | ⬜ TODO | Est: 1h", "", "**Checklist:**"]
        lines += [f"- [ ] {taken}" for taken in job.takes]
        lines += ["", "**Depends on:** " + (", ".join(f"[{ids[need]}]" for need in job.needs) or "—"), ""]
    return "\n".join(lines)
