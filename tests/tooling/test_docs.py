"""What the documents say is there: every setting with its default, every command, every file they point to."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from chargehand.agents.registry import KINDS
from chargehand.doors.cli.main import COMMANDS
from chargehand.model.config import Config, GateConfig

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
PLACEHOLDER = {"agents": "NAME", "gates": "NAME", "prices": "MODEL", "regenerate": "FILE"}


def settings(struct: type[msgspec.Struct], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Every key as the guide writes it, with its default."""
    for field in msgspec.structs.fields(struct):
        key, kind = f"{prefix}{field.name}", field.type
        inner = typing.get_args(kind)[-1] if typing.get_origin(kind) is dict else kind
        if inner is GateConfig and field.name == "regenerate":
            yield f"{key}.{PLACEHOLDER[key]}", None  # its table is that of a gate
        elif isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            name = "" if inner is kind else f".{PLACEHOLDER[key]}"
            yield from settings(inner, f"{key}{name}.")
        else:
            yield key, None if field.default in (msgspec.NODEFAULT, None) else field.default


def told() -> dict[str, str]:
    """What ``docs/settings.md`` tells in its tables: keys, and what stands beside each as its default."""
    found = {}
    for line in (ROOT / "docs" / "settings.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) >= 5 and cells[1].startswith("`"):
            found.update(dict.fromkeys(re.findall(r"`([^`]+)`", cells[1]), cells[2]))
    return found


def written(default: object) -> str:
    """A default as the guide has it, where that is a plain value."""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, str) and default:
        return f'`"{default}"`'
    return f"{default:g}" if isinstance(default, int | float) else ""


def test_the_guide_has_every_setting_and_no_other() -> None:
    assert told().keys() == dict(settings(Config)).keys()


@pytest.mark.parametrize(("key", "default"), [pair for pair in settings(Config) if written(pair[1])])
def test_the_guide_tells_defaults_as_they_are(key: str, default: object) -> None:
    assert told()[key] == written(default)


def test_every_command_is_in_the_guides() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert COMMANDS.keys() - set(re.findall(r"\bchargehand ([a-z-]+)", text)) == set()


def test_every_kind_of_agent_is_in_its_guide() -> None:
    text = (ROOT / "docs" / "agents.md").read_text(encoding="utf-8")
    assert {kind for kind in KINDS if f"`{kind}`" not in text} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, section = link.partition("#")
        there = (page.parent / path).resolve() if path else page
        if re.match(r"[a-z]+:", link):
            continue
        if not there.exists() or (section and there.suffix == ".md" and section not in headings(there)):
            dead.append(link)
    assert dead == []


def headings(page: Path) -> set[str]:
    """The names by which the headings of a page are linked to."""
    lines = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL).splitlines()
    titles = [line.lstrip("#").strip().lower() for line in lines if line.startswith("#")]
    return {re.sub(r"[^\w -]", "", title).replace(" ", "-") for title in titles}


def test_every_test_that_is_named_exists() -> None:
    named = {match for page in PAGES for match in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page.read_text())}
    assert named
    assert not [(file, name) for file, name in named if f"def {name}(" not in (ROOT / file).read_text()]
