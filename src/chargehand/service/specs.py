"""Reading the spec from the user's checkout, with the documents beside it. What was read is kept, by a hash of its content."""

from __future__ import annotations

import gc
import hashlib
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

import msgspec

from chargehand import __version__
from chargehand.model.errors import Problem, SpecProblem
from chargehand.model.task import Section, Spec
from chargehand.service.project import Project

DOCUMENTS = ("requirements.md", "design.md", "constitution.md")
CACHE = "spec.cache"

_CACHE_FORM = "1"
_SINGLE = (
    "tasks.md",
    "tasks.json",
    "prd.json",
    "issues.jsonl",
    "ROADMAP.md",
    "orchestrator.yaml",
    "orchestrator.yml",
    "orchestrator.json",
)
_MOST_FILES = 20_000
_MOST_BYTES = 50_000_000


class Found(NamedTuple):
    """What a spec is read from: ``path`` names the whole, ``files`` and ``documents`` are contents by path below the root."""

    path: str
    files: dict[str, bytes]
    documents: dict[str, bytes]


def read(project: Project, path: str, format_name: str = "") -> Spec:
    """The spec at ``path``, a file or a folder, relative to the root. Raises SpecProblem with every error in it."""
    spec, problems = check(project, path, format_name)
    if spec is not None:
        return spec  # from the cache, most often: then none of the parser is imported
    from chargehand.spec import load as loader

    return loader.usable(path, spec, problems)


def check(project: Project, path: str, format_name: str = "") -> tuple[Spec | None, tuple[Problem, ...]]:
    """The spec, if it can be used, and everything there is to say about it."""
    found = gather(project, path, format_name)
    key = _key(found, format_name)
    kept = _kept(project, key)
    if kept is not None:
        return kept, kept.warnings
    from chargehand.spec import load as loader

    spec, problems = loader.check_files(found.files, found.path, found.documents, format_name)
    if spec is not None:
        _keep(project, key, spec)
    return spec, problems


def outline(project: Project, path: str) -> dict[str, Section]:
    """Every requirement and design section of the documents beside the spec, by id."""
    from chargehand.spec.sections import all_sections

    return all_sections(gather(project, path).documents)


def with_prefix(path: str, prefix: str) -> str:
    """``spec/tasks.md`` for another of several specs in one folder: ``spec/PREFIXtasks.md``."""
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{prefix}{name}"


def gather(project: Project, path: str, format_name: str = "") -> Found:
    """Everything a spec is read from. Raises SpecProblem when there is nothing to read, or more than one spec."""
    place = project.root / path
    if place.is_dir():
        files = _members(project, place, format_name)
        if len(files) != 1 or files[0].parent != place:
            if len(files) == 1:
                return gather(project, _relative(project, files[0]), format_name)
            return Found(path, {_relative(project, file): _bytes(file) for file in files}, {})
        place = files[0]
    elif not place.is_file():
        raise SpecProblem(f"there is no spec at {path}", code="spec.missing", hint=_where_else(project, path))
    name = _relative(project, place)
    return Found(name, {name: _bytes(place)}, _documents(project, place))


def _members(project: Project, folder: Path, format_name: str) -> list[Path]:
    """The file, or the files, of the one spec in a folder."""
    from chargehand.spec.formats import FORMATS, detect

    single = [folder / name for name in _SINGLE if (folder / name).is_file()]
    if len(single) == 1 and not format_name:
        return single
    for known in FORMATS:
        if known.members and format_name in {"", known.name}:
            files = sorted({file for glob in known.members for file in folder.glob(glob) if file.is_file()})
            sample = next((file for file in files if file.stat().st_size < 1_000_000), None)
            text = sample.read_bytes().decode("utf-8", "replace") if sample else ""
            if files and (format_name or (sample and known.name in detect(_relative(project, sample), text))):
                if len(files) > _MOST_FILES:
                    raise SpecProblem(f"{_relative(project, folder)} holds {len(files):,} files", hint="name a smaller folder")
                return files
    below = single or sorted(folder.glob("*/tasks.md"))
    if len(below) == 1:
        return below
    shown = _relative(project, folder)
    if below:
        names = ", ".join(_relative(project, file) for file in below[:10]) + (" ..." if len(below) > 10 else "")
        raise SpecProblem(f"{shown} holds {len(below):,} specs", hint=f"name one of them with --spec: {names}", code="spec.several")
    raise SpecProblem(f"there is no spec in {shown}", code="spec.missing", hint=_where_else(project, shown))


MAX_DOCUMENT = 4_000_000
"""Bytes, as in ``spec.sections``: that need not be imported where a spec comes from the cache."""


def _documents(project: Project, place: Path) -> dict[str, bytes]:
    """The documents beside a spec. Those of ``PREFIXtasks.md`` may carry the prefix too."""
    prefix = place.name.removesuffix("tasks.md") if place.name.endswith("tasks.md") else ""
    found = {}
    for name in DOCUMENTS:
        document = next((file for file in (place.parent / f"{prefix}{name}", place.parent / name) if file.is_file()), None)
        if document:
            found[_relative(project, document)] = _bytes(document, MAX_DOCUMENT + 1)
    return found


def _bytes(file: Path, most: int = _MOST_BYTES) -> bytes:
    """The content, or as much of it as shows that it is too much."""
    with file.open("rb") as source:
        return source.read(most)


def _relative(project: Project, file: Path) -> str:
    return file.relative_to(project.root).as_posix() if file.is_relative_to(project.root) else file.as_posix()


def _where_else(project: Project, path: str) -> str:
    for candidate in (
        "spec/tasks.md",
        "specs/tasks.md",
        "tasks.md",
        "docs/tasks.md",
        "ROADMAP.md",
        "prd.json",
        ".taskmaster/tasks/tasks.json",
    ):
        if candidate != path and Path(project.root / candidate).is_file():
            return f'there is {candidate}: set `spec = "{candidate}"` in chargehand.toml'
    return f"write your tasks to {path}, or name another file with `spec = ...` in chargehand.toml or --spec"


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    key: bytes
    spec: Spec
    warnings: list[tuple[str, str, str, int, int, str, str, str]]


def _key(found: Found, format_name: str) -> bytes:
    whole = hashlib.blake2b(
        f"{_CACHE_FORM} {__version__} {format_name} {found.path}".encode("utf-8", "surrogateescape"), digest_size=32
    )
    for part in (found.files, found.documents):
        for name, data in part.items():
            whole.update(f"\0{len(name)} {name} {len(data)} ".encode("utf-8", "surrogateescape"))
            whole.update(data)
        whole.update(b"\0\0")
    return whole.digest()


def _kept(project: Project, key: bytes) -> Spec | None:
    """The spec as it was read before from the very same bytes."""
    try:
        data = (project.state / CACHE).read_bytes()
        if key not in data[:64]:
            return None
        kept = _decoded(data)
    except (OSError, msgspec.MsgspecError, ValueError):
        return None
    return (
        msgspec.structs.replace(kept.spec, warnings=tuple(Problem(*values) for values in kept.warnings))
        if kept.key == key
        else None
    )


def _decoded(data: bytes) -> _Kept:
    """Without the garbage collector, which would look through the growing heap of tasks again and again."""
    on = gc.isenabled()
    gc.disable()
    try:
        return msgspec.msgpack.decode(data, type=_Kept)
    finally:
        if on:
            gc.enable()


def _keep(project: Project, key: bytes, spec: Spec) -> None:
    """Keep it, where the project has a folder of ours. That it cannot be kept is no matter."""
    if not project.state.is_dir():
        return
    warnings = [
        (one.code, one.message, one.path, one.line, one.column, one.hint, one.excerpt, one.severity) for one in spec.warnings
    ]
    name = ""
    try:
        data = msgspec.msgpack.encode(_Kept(key, msgspec.structs.replace(spec, warnings=()), warnings))
        handle, name = tempfile.mkstemp(dir=project.state, prefix=".spec-")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(project.state / CACHE)
    except (OSError, UnicodeError):
        if name:
            Path(name).unlink(missing_ok=True)
