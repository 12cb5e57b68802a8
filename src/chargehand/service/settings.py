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
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from chargehand.model.config import Config, Look
from chargehand.model.errors import ConfigProblem, Problem
from chargehand.service.project import Project
from chargehand.service.widening import fingerprint, widened

if TYPE_CHECKING:
    from chargehand.spec.spec_runner_config import Note

PREFIX = "CHARGEHAND_"

SPEC_RUNNER = "spec-runner.config.yaml"
MAX_SETTINGS = 1_000_000
"""Bytes of a file of settings."""
"""Another tool's settings, understood where there are none of ours."""


class Settings(NamedTuple):
    """The merged settings, and the origin of every value that was set: ``chargehand.toml``, ``$CHARGEHAND_JOBS``, ``--jobs`` ...
    ``widened`` is what the project's file allows beyond what the user himself does, by dotted key."""

    config: Config
    origins: dict[str, str]
    widened: dict[str, Any]

    def rows(self) -> list[tuple[str, object, str]]:
        """Every setting as (dotted key, value, origin), in a fixed order."""
        values = dict(_leaves(msgspec.to_builtins(self.config)))
        return [(key, value, self.origins.get(key, "default")) for key, value in values.items()]


class _Layer(NamedTuple):
    origin: str
    values: dict[str, Any]
    text: str = ""
    strict: bool = True
    shared: bool = False  # it came with the repository


def user_file() -> Path:
    """The user's own settings."""
    from platformdirs import user_config_path

    return user_config_path("chargehand") / "config.toml"


def load(
    project: Project, flags: Mapping[str, Any], environ: Mapping[str, str], user_file: Path | None, *, trusting: bool = False
) -> Settings:
    """Merge all layers. Raises ConfigProblem carrying every mistake found; that the project's file allows more than the user does
    is one, unless he trusts that content, or this is ``trusting``."""
    problems: list[Problem] = []
    layers = [
        *_file_layers(project, user_file, problems),
        *_environment_layers(environ, problems),
        *(_Layer(f"--{key.replace('_', '-')}", {key: value}) for key, value in flags.items() if value is not None),
    ]
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    wider: dict[str, Any] = {}
    trusted: list[str] = []
    for layer in layers:
        before = len(problems)
        clean = _check(layer, layer.values, Config, "", problems)
        if len(problems) == before:
            if layer.shared:
                wider = widened(clean, merged)
            else:
                trusted += clean.get("trust", [])
            _merge(merged, clean)
            origins.update((key, layer.origin) for key, _ in _leaves(clean))
    if not problems:
        problems += _cross_check(merged)
    shared = next((layer for layer in layers if layer.shared), None)
    if shared:
        wider = {key: value for key, value in wider.items() if _is_from(shared.origin, key, origins)}
        if not trusting and fingerprint(wider) not in trusted:
            problems += _not_allowed(shared, wider, user_file)
    if problems:
        count = f"{len(problems)} mistakes" if len(problems) > 1 else problems[0].message
        raise ConfigProblem(f"the settings cannot be used: {count}", problems=tuple(problems))
    return Settings(msgspec.convert(merged, Config), origins, wider)


def _is_from(origin: str, key: str, origins: Mapping[str, str]) -> bool:
    """Whether nobody after him has overruled this setting, or any part of this table."""
    return any(where == origin for name, where in origins.items() if name == key or name.startswith(f"{key}."))


def _not_allowed(layer: _Layer, wider: Mapping[str, Any], user_file: Path | None) -> Iterator[Problem]:
    own = f", or set it in your own {user_file}" if user_file else ""
    for key, value in wider.items():
        where, _, name = key.rpartition(".")
        shown = f" = {value!r}" if not isinstance(value, dict) else ""
        message = f"`{key}`{shown} allows more than your own settings do, and a project's file may only allow less"
        prefix = f"{where}." if where else ""
        yield _problem(layer, "config.widens", message, name, prefix, f"if you agree: chargehand trust{own}")


def _file_layers(project: Project, user_file: Path | None, problems: list[Problem]) -> Iterator[_Layer]:
    if user_file and user_file.is_file():
        yield from _toml(user_file, str(user_file), problems)
    own, shared = project.config, project.root / "pyproject.toml"
    if own.is_file():
        for layer in _toml(own, own.name, problems):
            yield layer._replace(shared=True)
        return
    if shared.is_file():
        for layer in _toml(shared, f"{shared.name} [tool.chargehand]", problems):
            values = layer.values.get("tool", {}).get("chargehand")
            if isinstance(values, dict):
                yield layer._replace(values=values, shared=True)
                return
    other = project.root / SPEC_RUNNER
    if other.is_file():
        values, _, found = _spec_runner(other)
        problems += [problem for problem in found if problem.severity == "error"]
        yield _Layer(SPEC_RUNNER, values, shared=True)


def _spec_runner(file: Path) -> tuple[dict[str, Any], tuple[Note, ...], tuple[Problem, ...]]:
    from chargehand.spec.spec_runner_config import read_config

    data = _bytes(file)
    if len(data) > MAX_SETTINGS:
        return {}, (), (_too_large(file),)
    return read_config(data.decode("utf-8-sig", "replace"), file.name)


def _bytes(file: Path) -> bytes:
    """The content, or as much of it as shows that it is too much."""
    with file.open("rb") as source:
        return source.read(MAX_SETTINGS + 1)


def _too_large(file: Path) -> Problem:
    message = f"more than {MAX_SETTINGS // 1_000_000} MB: these are no settings"
    return Problem("config.syntax", message, file.name, hint="is this the right file?")


def translated(project: Project, origins: Mapping[str, str]) -> tuple[Note, ...]:
    """What became of each key of a ``spec-runner.config.yaml``, where the settings come from one."""
    return _spec_runner(project.root / SPEC_RUNNER)[1] if SPEC_RUNNER in origins.values() else ()


def _toml(path: Path, origin: str, problems: list[Problem]) -> Iterator[_Layer]:
    data = _bytes(path)
    if len(data) > MAX_SETTINGS:
        problems.append(_too_large(path))
        return
    try:
        text = data.decode("utf-8-sig")
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
            table = stripped.strip("[] ").removeprefix("tool.chargehand").lstrip(".").replace('"', "")
            if table == f"{where}{key}":
                return Problem(code, message, layer.origin.split(" ")[0], number, line.index("[") + 1, hint, line)
            inside = table == header
        elif inside and re.match(rf"[\"']?{re.escape(key)}[\"']?\s*[=.]", stripped):
            return Problem(code, message, layer.origin.split(" ")[0], number, line.index(stripped[0]) + 1, hint, line)
    return Problem(code, message, layer.origin, hint=hint)


def _cross_check(merged: Mapping[str, Any]) -> Iterator[Problem]:
    agents, gates = merged.get("agents", {}), merged.get("gates", {})
    chosen = merged.get("agent", "")
    if chosen and chosen not in agents:
        near = difflib.get_close_matches(chosen, agents, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"add a table [agents.{chosen}]"
        yield Problem("config.agent", f"agent `{chosen}` is not configured", "agent", hint=hint)
    yield from _names(merged, agents, gates)
    for name, table in agents.items():
        yield from _plain_name("agent", name)
        wanted = {"scripted": "script", "command": "command", "acp": "command"}.get(table.get("kind", "command"), "")
        if wanted and not table.get(wanted):
            yield Problem("config.agent", f"agent `{name}` has no `{wanted}`", f"agents.{name}", hint=f'{wanted} = "..."')
    if merged.get("integration", "target") != "target" and merged.get("workspace") == "in-place":
        message = "in place the work is done on the branch that is checked out, so it cannot land on another one"
        yield Problem("config.integration", message, "integration", hint='integration = "target", or another workspace')
    for name, table in merged.get("regenerate", {}).items():
        if not table.get("command"):
            yield Problem(
                "config.regenerate", f"`regenerate.{name}` has no `command`", f"regenerate.{name}", hint='command = "..."'
            )
    for name, table in gates.items():
        yield from _plain_name("gate", name)
        if not table.get("command"):
            yield Problem("config.gate", f"gate `{name}` has no `command`", f"gates.{name}", hint='command = "make test"')


_LOOKS = frozenset(f"inspect.{look}" for look in typing.get_args(Look))


def _names(merged: Mapping[str, Any], agents: Mapping[str, Any], gates: Mapping[str, Any]) -> Iterator[Problem]:
    """Names that other tables use of agents and gates, and the names of roles."""
    retry, review, approval = (merged.get(table, {}) for table in ("retry", "review", "approval"))
    used = [
        *(("agent", name, "retry", agents) for name in [*retry.get("escalate", []), *filter(None, [retry.get("planner")])]),
        *(("agent", name, "review", agents) for name in review.get("agents", [])),
        *(("gate", name, "approval", {*gates, *_LOOKS}) for name in approval.get("gates", [])),
    ]
    for kind, name, where, known in used:
        if name not in known:
            yield Problem(f"config.{kind}", f"{kind} `{name}` of [{where}] is not configured", where, hint=f"add [{kind}s.{name}]")
    for role in review.get("roles", []):
        if not re.fullmatch(r"[a-z][a-z-]{0,39}", role):
            yield Problem("config.review", f"role `{role}` may hold small letters and `-`", "review.roles")


def _plain_name(kind: str, name: str) -> Iterator[Problem]:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        yield Problem(f"config.{kind}", f"{kind} name `{name}` may hold letters, digits, `.`, `_` and `-`", f"{kind}s.{name}")


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
