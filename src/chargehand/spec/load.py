"""Bytes to a spec, or to everything that is wrong with them."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType

from msgspec.structs import replace

from chargehand.model.errors import Problem, SpecProblem
from chargehand.model.task import Spec, Task
from chargehand.spec.formats import FORMATS, detect
from chargehand.spec.lines import BOM, cut
from chargehand.spec.reading import read
from chargehand.spec.report import EXCERPT
from chargehand.spec.sections import trace

MAX_BYTES = 10_000_000
MAX_LINES = 400_000
MAX_PROBLEMS = 1_000

_NO_DOCUMENTS: Mapping[str, bytes] = MappingProxyType({})


def load(data: bytes, path: str, documents: Mapping[str, bytes] = _NO_DOCUMENTS, format_name: str = "") -> Spec:
    """The spec in ``data``. ``path`` is only named in messages; ``documents`` (path to content) hold what tasks trace to.

    Raises ``SpecProblem`` with every error of the file at once.
    """
    return usable(path, *check(data, path, documents, format_name))


def usable(path: str, spec: Spec | None, problems: tuple[Problem, ...]) -> Spec:
    """The spec, if there is one. Raises ``SpecProblem`` with every error otherwise."""
    if spec is None:
        errors = tuple(problem for problem in problems if problem.severity == "error")
        count = "one error" if len(errors) == 1 else f"{len(errors):,} errors"
        raise SpecProblem(f"{path} has {count}", hint="nothing was started; correct the file and try again", problems=errors)
    return spec


def check(
    data: bytes, path: str, documents: Mapping[str, bytes] = _NO_DOCUMENTS, format_name: str = ""
) -> tuple[Spec | None, tuple[Problem, ...]]:
    """The spec and every error and warning about it. The spec is None when there is an error. Never raises."""
    return check_files({path: data}, path, documents, format_name)


def check_files(
    files: Mapping[str, bytes], path: str, documents: Mapping[str, bytes] = _NO_DOCUMENTS, format_name: str = ""
) -> tuple[Spec | None, tuple[Problem, ...]]:
    """The same for a spec of one file or several (path to content); ``path`` names the whole. ``format_name`` empty: found."""
    texts: dict[str, str] = {}
    problems: tuple[Problem, ...] = ()
    if too_large := _too_large(files, path):
        return None, (too_large,)
    for name, data in files.items():
        text = _decode(data, name)
        if isinstance(text, Problem):
            problems = (*problems, text)
        else:
            texts[name] = text
    if problems:
        return None, problems
    found = _format(texts, path, format_name)
    if isinstance(found, Problem):
        return None, (found,)
    tasks, problems = _read(found, texts)
    if any(problem.severity == "error" for problem in problems):
        return None, _capped(problems, path)
    sections, more = trace(tasks, documents, {name: cut(text) for name, text in texts.items()}, found) if documents else ({}, ())
    warnings = _capped((*problems, *more), path)
    spec = Spec(path=path, format=found, tasks=tasks, warnings=warnings, sections=sections, digest=fingerprint(files))
    return (replace(spec, files=tuple(files)) if len(files) > 1 else spec), warnings


def _read(format_name: str, texts: Mapping[str, str]) -> tuple[tuple[Task, ...], tuple[Problem, ...]]:
    """``read`` without the garbage collector, which would look through the growing heap of tasks again and again."""
    on = gc.isenabled()
    gc.disable()
    try:
        return read(format_name, texts)
    finally:
        if on:
            gc.enable()


def fingerprint(files: Mapping[str, bytes]) -> str:
    """A hash of the content of a spec."""
    if len(files) == 1:
        return hashlib.blake2b(next(iter(files.values())), digest_size=32).hexdigest()
    whole = hashlib.blake2b(digest_size=32)
    for name, data in sorted(files.items()):
        whole.update(f"{len(name)} {name} {len(data)} ".encode("utf-8", "surrogateescape") + data)
    return whole.hexdigest()


def _format(texts: Mapping[str, str], path: str, wanted: str) -> str | Problem:
    """The format's name, or why it cannot be told."""
    if wanted:
        if any(known.name == wanted for known in FORMATS):
            return wanted
        near = next(iter(get_close_matches(wanted, _names(), n=1)), "")
        hint = f"did you mean {near}?" if near else f"formats are {', '.join(_names())}"
        return Problem("format", f'there is no format "{wanted[:60]}"', path, hint=hint)
    seen: dict[tuple[str, ...], str] = {}
    for name, text in texts.items():
        seen.setdefault(detect(name, text), name)
    found = next(iter(seen))
    if len(seen) > 1:
        names = sorted({name for names in seen for name in names})
        return Problem("format", f"its files are in several formats: {', '.join(names)}", path, hint="name one file with --spec")
    if len(found) > 1:
        hint = f"say which with --format, such as --format {found[0]}"
        return Problem("format", f"this may be in one of several formats: {', '.join(found)}", seen[found], hint=hint)
    if found:
        return found[0]
    name = seen[found]
    if name.lower().endswith((".md", ".markdown")) or "." not in name.rpartition("/")[2]:
        return "spec-runner"  # it says best what is missing in a text
    return Problem("format", f"this is in none of the formats that are known: {', '.join(_names())}", name, hint=_NO_FORMAT)


_NO_FORMAT = "is this the right file? If it is, say in which format with --format"


def _names() -> list[str]:
    return [known.name for known in FORMATS]


def _too_large(files: Mapping[str, bytes], path: str) -> Problem | None:
    """20,000 tasks are a third of this. More is data: to take it in would cost time and memory for nothing."""
    size = sum(map(len, files.values()))
    count = sum(data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n") for data in files.values())
    if size > MAX_BYTES:
        message = f"{size / 1e6:,.0f} MB are more than a spec may have ({MAX_BYTES // 1_000_000} MB)"
    elif count > MAX_LINES:
        message = f"{count:,} lines are more than a spec may have ({MAX_LINES:,})"
    else:
        return None
    return Problem("too-large", message, path, hint="is this the right file? If it is, split it")


def _decode(data: bytes, path: str) -> str | Problem:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Problem("encoding", "the file is UTF-16, not UTF-8", path, 1, 1, hint="save it as UTF-8")
    if (at := data.find(b"\0")) >= 0:
        line, column, _ = _place(data, at)
        hint = "is this the right file? A spec is a Markdown text in UTF-8"
        return Problem("encoding", "the file holds a NUL byte: it is not a text", path, line, column, hint=hint)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column, excerpt = _place(data, error.start)
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8"
        return Problem("encoding", message, path, line, column, hint="save the file as UTF-8", excerpt=excerpt)


def _place(data: bytes, at: int) -> tuple[int, int, str]:
    """Line, column and excerpt of a byte, counting as the parser does."""
    before = cut(data[:at].decode("utf-8", "replace"))
    rest = data[at : at + EXCERPT].decode("utf-8", "replace")
    return len(before), len(before[-1]) + 1, (before[-1].removeprefix(BOM) + cut(rest)[0])[:EXCERPT]


def _capped(problems: tuple[Problem, ...], path: str) -> tuple[Problem, ...]:
    """At most ``MAX_PROBLEMS``, errors first kept, and a word about those left out."""
    if len(problems) <= MAX_PROBLEMS:
        return problems
    kept = sorted(problems, key=lambda problem: problem.severity != "error")[:MAX_PROBLEMS]
    more = f"{len(problems) - MAX_PROBLEMS:,} more problems are not shown"
    return (
        *sorted(kept, key=lambda problem: (problem.path != path, problem.line, problem.column)),
        Problem("more", more, path, severity=kept[0].severity),
    )
