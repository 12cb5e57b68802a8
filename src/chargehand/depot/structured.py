"""Merging JSON, TOML and YAML by what they say, where git's merge by lines cannot.

The values are merged, key by key. The text follows only where it is certain to say the same and to stay as it was written: JSON in
the very style both sides are written in, TOML and YAML when the lines of both sides, one after the other, mean the merged value.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from chargehand.depot.git import Git

LOCKS = frozenset(
    {"package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb", "deno.lock"}
    | {"uv.lock", "poetry.lock", "pdm.lock", "pixi.lock", "Pipfile.lock", "Cargo.lock", "go.sum", "composer.lock", "Gemfile.lock"}
    | {"mix.lock", "pubspec.lock", "flake.lock", "packages.lock.json", "gradle.lockfile", "Package.resolved", "Podfile.lock"}
)
"""What a program writes from other files: it is made anew, never merged."""

_MOST = 1_000_000


class _Missing:
    """No value at all."""


_MISSING: Final = _Missing()


class _Clash(Exception):
    """Both sides changed the same thing."""


def merge_file(git: Git, path: str, base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    """The three-way merge of a file; None when it is of another kind, or cannot be merged for certain."""
    name = path.rpartition("/")[2]
    if name in LOCKS or max(map(len, (base, ours, theirs))) > _MOST:
        return None
    try:
        if name.endswith(".json"):
            return _json(base.decode(), ours.decode(), theirs.decode())
        if name.endswith((".toml", ".yaml", ".yml")):
            return _lines(git, tomllib.loads if name.endswith(".toml") else _yaml, base, ours, theirs)
    except (_Clash, ValueError, RecursionError):
        return None
    return None


# -- values ---------------------------------------------------------------------------------------------------------------------


def merged(base: Any, ours: Any, theirs: Any) -> Any:
    """The value both sides agree on. Raises _Clash."""
    if _same(ours, theirs) or _same(base, theirs):
        return ours
    if _same(base, ours):
        return theirs
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if base is _MISSING:
            return _tables({}, ours, theirs)
        if isinstance(base, dict):
            return _tables(base, ours, theirs)
    if isinstance(base, list) and isinstance(ours, list) and isinstance(theirs, list):
        return _lists(base, ours, theirs)
    raise _Clash


def _tables(base: Mapping[str, Any], ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    keys, added, before = list(ours), set(ours) - set(base), None
    for key in theirs:
        if key not in ours and key not in base:
            _insert(keys, key, before, added)
        before = key
    if list(ours) == sorted(ours) and list(theirs) == sorted(theirs):
        keys.sort()
    found = {key: merged(*(side.get(key, _MISSING) for side in (base, ours, theirs))) for key in {**dict.fromkeys(keys), **base}}
    return {key: found[key] for key in keys if found[key] is not _MISSING}


def _lists(base: list[Any], ours: list[Any], theirs: list[Any]) -> list[Any]:
    """Lists of plain values, each there only once: what one side added or removed is added or removed."""
    names = [[_told(value) for value in side] for side in (base, ours, theirs)]
    if any(isinstance(value, (dict, list)) for side in (base, ours, theirs) for value in side):
        raise _Clash
    was, mine, yours = names
    kept = [name for name in was if name in mine and name in yours]
    for side in names:
        if len(set(side)) != len(side) or [name for name in side if name in kept] != kept:
            raise _Clash  # something is there twice, or was moved
    order, added, before = [name for name in mine if name not in was or name in yours], set(mine) - set(was), None
    for name in yours:
        if name not in was and name not in mine:
            _insert(order, name, before, added)
        before = name if name in order else before
    values = {_told(value): value for side in (base, theirs, ours) for value in side}
    return [values[name] for name in order]


def _insert(order: list[str], new: str, before: str | None, added: set[str]) -> None:
    """Put ``new`` after ``before`` (None: first), and after what ours added at the same place."""
    at = order.index(before) + 1 if before in order else 0 if before is None else len(order)
    while at < len(order) and order[at] in added:
        at += 1
    order.insert(at, new)


def _same(one: Any, two: Any) -> bool:
    return one is two or _told(one) == _told(two)


def _told(value: Any) -> str:
    """The same for values that are the same in kind and content."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key!r}:{_told(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_told, value)) + "]"
    return f"{type(value).__name__} {value!r}"


# -- texts ----------------------------------------------------------------------------------------------------------------------


def _json(base: str, ours: str, theirs: str) -> bytes | None:
    values = [json.loads(text, object_pairs_hook=_once, parse_constant=_refuse) for text in (base, ours, theirs)]
    tail = ours[len(ours.rstrip()) :]
    found = merged(*values)
    for dumped in (*_styles(ours), *_styles(theirs)):
        if dumped(values[1]) + tail == ours and dumped(values[2]) + tail == theirs:
            return (dumped(found) + tail).encode()
    return None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key is there twice")
    return table


def _refuse(word: str) -> Any:
    raise ValueError(word)


def _styles(text: str) -> list[Callable[[Any], str]]:
    """The ways such a text may have been written."""
    second = text.split("\n")[1] if text.count("\n") > 1 else ""
    indent = second[: len(second) - len(second.lstrip())] or None
    separators = [(",", ": ")] if indent else [(",", ":"), (", ", ": ")]

    def style(ascii_only: bool, marks: tuple[str, str]) -> Callable[[Any], str]:
        return lambda value: json.dumps(value, indent=indent, ensure_ascii=ascii_only, separators=marks)

    return [style(ascii_only, marks) for ascii_only, marks in product((False, True), separators)]


def _lines(git: Git, parse: Callable[[str], Any], base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    wanted = merged(*(parse(text.decode()) for text in (base, ours, theirs)))
    with TemporaryDirectory(dir=git.git_dir) as folder:
        files = [Path(folder, name) for name in ("ours", "base", "theirs")]
        for file, text in zip(files, (ours, base, theirs), strict=True):
            file.write_bytes(text)
        both = git.run("merge-file", "-p", "--union", *map(str, files)).stdout
    return both if _same(parse(both.decode()), wanted) else None


def _yaml(text: str) -> Any:
    from chargehand.spec.report import Report
    from chargehand.spec.yaml_text import read_yaml

    report = Report("", text.splitlines() or [""])
    node = read_yaml(text, report)
    if node is None or report.problems:
        raise ValueError("no YAML we take")
    return node.plain()
