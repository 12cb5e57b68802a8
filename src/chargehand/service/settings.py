"""Reading the settings: flag over environment over project file over user file over default, each value with its origin.

Every layer is checked key by key, so that all mistakes of all layers are told at once.
"""

from __future__ import annotations

import difflib
import re
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from chargehand.model.config import Config
from chargehand.model.errors import ConfigProblem, Problem
from chargehand.service.project import Project

PREFIX = "CHARGEHAND_"


class Settings(NamedTuple):
    """The merged settings, and the origin of every value that was set: ``chargehand.toml``, ``$CHARGEHAND_JOBS``, ``--jobs`` ..."""

    config: Config
    origins: dict[str, str]

    def rows(self) -> list[tuple[str, object, str]]:
        """Every setting as (dotted key, value, origin), in a fixed order."""
        values = dict(_leaves(msgspec.to_builtins(self.config)))
        return [(key, value, self.origins.get(key, "default")) for key, value in values.items()]


class _Layer(NamedTuple):
    origin: str
    values: dict[str, Any]
    text: str = ""
    strict: bool = True


def load(project: Project, flags: Mapping[str, Any], environ: Mapping[str, str], user_file: Path | None) -> Settings:
    """Merge all layers. Raises ConfigProblem carrying every mistake found."""
    problems: list[Problem] = []
    layers = [
        *_file_layers(project, user_file, problems),
        *_environment_layers(environ, problems),
        *(_Layer(f"--{key.replace('_', '-')}", {key: value}) for key, value in flags.items() if value is not None),
    ]
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        before = len(problems)
        clean = _check(layer, layer.values, Config, "", problems)
        if len(problems) == before:
            _merge(merged, clean)
            origins.update((key, layer.origin) for key, _ in _leaves(clean))
    if not problems:
        problems += _cross_check(merged)
    if problems:
        count = f"{len(problems)} mistakes" if len(problems) > 1 else problems[0].message
        raise ConfigProblem(f"the settings cannot be used: {count}", problems=tuple(problems))
    return Settings(msgspec.convert(merged, Config), origins)


def _file_layers(project: Project, user_file: Path | None, problems: list[Problem]) -> Iterator[_Layer]:
    if user_file and user_file.is_file():
        yield from _toml(user_file, str(user_file), problems)
    own, shared = project.config, project.root / "pyproject.toml"
    if own.is_file():
        yield from _toml(own, own.name, problems)
    elif shared.is_file():
        for layer in _toml(shared, f"{shared.name} [tool.chargehand]", problems):
            values = layer.values.get("tool", {}).get("chargehand")
            if isinstance(values, dict):
                yield layer._replace(values=values)


def _toml(path: Path, origin: str, problems: list[Problem]) -> Iterator[_Layer]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
        yield _Layer(origin, tomllib.loads(text), text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        place = re.search(r"line (\d+), column (\d+)", str(error))
        line, column = (int(place[1]), int(place[2])) if place else (0, 0)
        problems.append(Problem("config.syntax", f"not valid TOML: {error}", path.name, line, column, "see https://toml.io"))


def _environment_layers(environ: Mapping[str, str], problems: list[Problem]) -> Iterator[_Layer]:
    known = {key.upper(): key for key in _scalars(Config)}
    for name, value in environ.items():
        if not name.startswith(PREFIX):
            continue
        rest = name.removeprefix(PREFIX)
        if rest in known:
            values: Any = value
            for part in reversed(known[rest].split("__")):
                values = {part: values}
            yield _Layer(f"${name}", values, strict=False)
        elif near := difflib.get_close_matches(rest, known, n=1, cutoff=0.85):
            hint = f"did you mean {PREFIX}{near[0]}?"
            problems.append(Problem("config.unknown", f"unknown variable {name}", f"${name}", hint=hint))


def _scalars(struct: type[msgspec.Struct], prefix: str = "") -> Iterator[str]:
    """The keys the environment can set: ``jobs``, ``retry__attempts`` ..."""
    for field in msgspec.structs.fields(struct):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _scalars(field.type, f"{prefix}{field.name}__")
        elif typing.get_origin(field.type) is not dict:
            yield prefix + field.name


def _check(
    layer: _Layer, table: dict[str, Any], struct: type[msgspec.Struct], where: str, problems: list[Problem]
) -> dict[str, Any]:
    """The values of one table that fit; what does not becomes a problem."""
    fields = {field.name: field for field in msgspec.structs.fields(struct)}
    clean: dict[str, Any] = {}
    for key, value in table.items():
        dotted = f"{where}{key}"
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(fields)}"
            problems.append(_problem(layer, "config.unknown", f"unknown setting `{dotted}`", key, where, hint))
            continue
        kind = fields[key].type
        inner = typing.get_args(kind)[-1] if typing.get_origin(kind) is dict else None
        try:
            if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
                clean[key] = _check(layer, _as_table(value), kind, f"{dotted}.", problems)
            elif inner:
                clean[key] = {
                    name: _check(layer, _as_table(entry), inner, f"{dotted}.{name}.", problems)
                    for name, entry in _as_table(value).items()
                }
            else:
                clean[key] = msgspec.to_builtins(msgspec.convert(value, kind, strict=layer.strict))
        except msgspec.ValidationError as error:
            message = f"`{dotted}`: {str(error).split(' - at `')[0]}"
            problems.append(_problem(layer, "config.value", message, key, where, _expected(kind)))
    return clean


def _as_table(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise msgspec.ValidationError(f"Expected a table, got `{type(value).__name__}`")
    return value


def _expected(kind: Any) -> str:
    choices = typing.get_args(kind) if typing.get_origin(kind) is typing.Literal else ()
    if isinstance(kind, types.UnionType):
        return ""
    return f"one of {', '.join(map(repr, choices))}" if choices else ""


def _problem(layer: _Layer, code: str, message: str, key: str, where: str, hint: str) -> Problem:
    """A problem at the line where the key stands, as far as that can be told."""
    header = where.rstrip(".")
    inside = not header
    for number, line in enumerate(layer.text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("["):
            inside = stripped.strip("[] ").removeprefix("tool.chargehand").lstrip(".").replace('"', "") == header
        elif inside and re.match(rf"[\"']?{re.escape(key)}[\"']?\s*[=.]", stripped):
            return Problem(code, message, layer.origin.split(" ")[0], number, line.index(stripped[0]) + 1, hint, line)
    return Problem(code, message, layer.origin, hint=hint)


def _cross_check(merged: Mapping[str, Any]) -> Iterator[Problem]:
    agents = merged.get("agents", {})
    chosen = merged.get("agent", "")
    if chosen and chosen not in agents:
        near = difflib.get_close_matches(chosen, agents, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"add a table [agents.{chosen}]"
        yield Problem("config.agent", f"agent `{chosen}` is not configured", "agent", hint=hint)
    retry = merged.get("retry", {})
    for name in [*retry.get("escalate", []), *filter(None, [retry.get("planner")])]:
        if name not in agents:
            yield Problem("config.agent", f"agent `{name}` of [retry] is not configured", "retry", hint=f"add [agents.{name}]")
    for name, table in agents.items():
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            yield Problem("config.agent", f"agent name `{name}` may hold letters, digits, `.`, `_` and `-`", f"agents.{name}")
        wanted = "script" if table.get("kind") == "scripted" else "command"
        if not table.get(wanted):
            yield Problem("config.agent", f"agent `{name}` has no `{wanted}`", f"agents.{name}", hint=f'{wanted} = "..."')
    for name, table in merged.get("gates", {}).items():
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            yield Problem("config.gate", f"gate name `{name}` may hold letters, digits, `.`, `_` and `-`", f"gates.{name}")
        if not table.get("command"):
            yield Problem("config.gate", f"gate `{name}` has no `command`", f"gates.{name}", hint='command = "make test"')


def _merge(into: dict[str, Any], values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
