"""Finding plugins: those of installed packages, and those of the project, which run only when the user trusts what they hold."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from chargehand.model.config import Config
from chargehand.model.plugin import Plugin
from chargehand.service.project import Project
from chargehand.service.trust import is_trusted

PLACE = "spec/plugins"
GROUP = "chargehand.plugins"
"""The entry points of installed packages: each is a table like that of ``plugin.yaml``, or a function that returns one."""

_MOST_FILES = 2000
_MOST_BYTES = 50_000_000


class Found(NamedTuple):
    """``problems`` are plugins that cannot be used, by name or file, with the reason. ``hash`` stands for all ``files`` (path and
    SHA-256) of the project's plugins; it is empty when there are none, or when ``links`` lead to content that is not theirs."""

    plugins: tuple[Plugin, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    hash: str = ""
    links: tuple[str, ...] = ()


def usable(project: Project, config: Config) -> tuple[Plugin, ...]:
    """Every plugin that may run now, by name. Looks at the files again each time: trust is in what they hold."""
    own = in_project(project.root)
    trusted = own.plugins if is_trusted(config, own.hash) else ()
    return tuple(sorted((*installed().plugins, *trusted), key=lambda plugin: plugin.name))


def complaints(project: Project, config: Config) -> Iterator[str]:
    """What is to be said of plugins that do not run."""
    own = in_project(project.root)
    for where, problem in (*own.problems, *installed().problems):
        yield f"the plugin {where} is not run: {problem}"
    if own.plugins and not is_trusted(config, own.hash):
        names = ", ".join(plugin.name for plugin in own.plugins)
        yield f"the plugins in {PLACE} ({names}) are not run: you have not agreed to what they hold (chargehand trust)"


def in_project(root: Path) -> Found:
    """The plugins in the user's checkout, trusted or not."""
    place = root / PLACE
    if not place.is_dir() or place.is_symlink():
        return Found()
    plugins, problems = [], []
    for file in sorted(place.glob("*/plugin.yaml")):
        where = file.relative_to(root).as_posix()
        try:
            plugins.append(_plugin(_yaml(file, where), str(file.parent)))
        except ValueError as error:
            problems.append((where, str(error)))
    files, links, more = _content(root, place)
    if not plugins or more:
        return Found(tuple(plugins), (*problems, *more), files, links=links)
    whole = hashlib.sha256("".join(f"{sha256} {path}\0" for path, sha256 in files).encode("utf-8", "surrogateescape"))
    return Found(tuple(plugins), tuple(problems), files, "" if links else f"plugins-{whole.hexdigest()}", links)


def _content(root: Path, place: Path) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...], list[tuple[str, str]]]:
    """Every file below the plugins' folder with the hash of what it holds and whether it can be executed; and links."""
    files: list[tuple[str, str]] = []
    links, size = [], 0
    for folder, folders, names in os.walk(place):
        folders.sort()
        for name in sorted((*folders, *names)):
            path = Path(folder, name)
            shown = os.fsencode(path.relative_to(root)).decode("utf-8", "backslashreplace")
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                links.append(shown)
            elif path.is_file():
                size += path.stat().st_size
                if len(files) >= _MOST_FILES or size > _MOST_BYTES:
                    return (), (), [(PLACE, f"more than {_MOST_FILES} files or {_MOST_BYTES // 1_000_000} MB cannot be agreed to")]
                mode = b"x" if os.access(path, os.X_OK) else b"-"
                files.append((shown, hashlib.sha256(mode + path.read_bytes()).hexdigest()))
    return tuple(files), tuple(links), []


def installed() -> Found:
    """The plugins of installed packages. A package that cannot be loaded is a problem, and keeps nothing else from running."""
    from importlib.metadata import entry_points

    plugins, problems = [], []
    for entry in entry_points(group=GROUP):
        try:
            value = entry.load()
            told = value() if callable(value) else value
            plugins.append(_plugin({"name": entry.name, **told}, ""))
        except Exception as error:  # whatever a foreign package may raise
            problems.append((entry.name, f"{type(error).__name__}: {error}"))
    return Found(tuple(plugins), tuple(problems))


def _yaml(file: Path, where: str) -> Any:
    from chargehand.spec.report import Report
    from chargehand.spec.yaml_text import read_yaml

    try:
        text = file.read_bytes()[:100_000].decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot be read: {error}") from error
    report = Report(where, text.splitlines() or [""])
    node = read_yaml(text, report)
    if node is None or report.problems:
        first = report.sorted()[0]
        raise ValueError(f"{first.place()}: {first.message}")
    return node.plain()


def _plugin(told: Any, folder: str) -> Plugin:
    if not isinstance(told, dict) or not isinstance(told.get("name"), str) or not told["name"].strip():
        raise ValueError("it has no name")
    try:
        return msgspec.convert({**told, "version": str(told.get("version") or ""), "folder": folder}, Plugin)
    except msgspec.ValidationError as error:
        raise ValueError(str(error).replace("$.", "")) from error
