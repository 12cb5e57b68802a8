"""Bytes to a spec, or to everything that is wrong with them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType

from chargehand.model.errors import Problem, SpecProblem
from chargehand.model.task import Spec
from chargehand.spec.lines import BOM, cut
from chargehand.spec.report import EXCERPT
from chargehand.spec.sections import trace
from chargehand.spec.spec_runner import parse

MAX_BYTES = 50_000_000
MAX_PROBLEMS = 1_000
FORMAT = "spec-runner"

_NO_DOCUMENTS: Mapping[str, bytes] = MappingProxyType({})


def load(data: bytes, path: str, documents: Mapping[str, bytes] = _NO_DOCUMENTS) -> Spec:
    """The spec in ``data``. ``path`` is only named in messages; ``documents`` (path to content) hold what tasks trace to.

    Raises ``SpecProblem`` with every error of the file at once.
    """
    spec, problems = check(data, path, documents)
    if spec is None:
        errors = tuple(problem for problem in problems if problem.severity == "error")
        count = "one error" if len(errors) == 1 else f"{len(errors):,} errors"
        raise SpecProblem(f"{path} has {count}", hint="nothing was started; correct the file and try again", problems=errors)
    return spec


def check(data: bytes, path: str, documents: Mapping[str, bytes] = _NO_DOCUMENTS) -> tuple[Spec | None, tuple[Problem, ...]]:
    """The spec and every error and warning about it. The spec is None when there is an error. Never raises."""
    text = _decode(data, path)
    if isinstance(text, Problem):
        return None, (text,)
    tasks, problems = parse(text, path)
    if any(problem.severity == "error" for problem in problems):
        return None, _capped(problems, path)
    sections, more = trace(tasks, documents, path, cut(text)) if documents else ({}, ())
    warnings = _capped((*problems, *more), path)
    content = hashlib.blake2b(data, digest_size=32).hexdigest()
    return Spec(path=path, format=FORMAT, tasks=tasks, warnings=warnings, sections=sections, digest=content), warnings


def _decode(data: bytes, path: str) -> str | Problem:
    if len(data) > MAX_BYTES:
        size = f"{len(data) / 1e6:,.0f} MB"
        return Problem("too-large", f"{size} are more than a spec may have ({MAX_BYTES // 1_000_000} MB)", path, hint="split it")
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
