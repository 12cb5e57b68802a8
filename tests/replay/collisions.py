"""Tasks on a release of a real package that collide: in the same lines, or only in what they mean.

Each works on whatever is there, so one that is sent back can be done again on what landed meanwhile. A pair is green alone, and one
after the other, and red together where each was done without the other.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from chargehand.agents import script_player
from tests.replay.cutting import Job, Tree, spec
from tests.replay.releases import CACHETOOLS
from tests.replay.replaying import SUITE, project
from tests.run.conftest import Place

_VERSION = "grep -o '__version__ = .*' src/cachetools/__init__.py | cut -d'\"' -f2"
_NAMES = "sed -n '/^__all__/,/)/p' src/cachetools/__init__.py | grep -c '\"'"
_TEST = "printf 'import cachetools\\n\\n\\ndef test_it():\\n    assert %s == %s\\n'"
_VERSION_TEST = f"""{_TEST} cachetools.__version__ "'$({_VERSION})'" > tests/test_version.py"""
_NAMES_TEST = f"""{_TEST} 'len(cachetools.__all__)' "$({_NAMES})" > tests/test_names.py"""


@dataclass(frozen=True)
class Collider:
    """A task: the files its checklist names, and the shell command that does it."""

    key: str
    files: tuple[str, ...]
    shell: str


def text(number: int) -> Collider:
    """One of those that write into the same line."""
    return Collider(f"news-{number}", ("CHANGELOG.rst",), f"sed -i '1i News {number}' CHANGELOG.rst")


def apart(number: int) -> Collider:
    """One that meets nobody."""
    return Collider(f"apart-{number}", (f"docs/note-{number}.txt",), f"echo note > docs/note-{number}.txt")


def where(test: str, then: str) -> str:
    """Bring that test up to date, if somebody wrote it meanwhile."""
    return f"; ! test -e {test} || {then}"


_BUMP = """sed -i 's/^__version__ = .*/__version__ = "6.0.0"/' src/cachetools/__init__.py"""
_NAME = """sed -i 's/^__all__ = (/__all__ = (\\n    "__version__",/' src/cachetools/__init__.py"""

PAIRS = (
    Collider(
        "version", ("src/cachetools/__init__.py", "tests/test_version.py"), _BUMP + where("tests/test_version.py", _VERSION_TEST)
    ),
    Collider("test-version", ("tests/test_version.py",), _VERSION_TEST),
    Collider("name", ("src/cachetools/__init__.py", "tests/test_names.py"), _NAME + where("tests/test_names.py", _NAMES_TEST)),
    Collider("test-names", ("tests/test_names.py",), _NAMES_TEST),
)


def lay_out(old: Tree, colliders: tuple[Collider, ...], root: Path, settings: str = "") -> Place:
    """A project with the release, a spec of these tasks, and beside it the script of the agent that does them."""
    ids = task_ids(colliders)
    steps = [f"[[step]]\ntask = {json.dumps(ids[one.key])}\nshell = {json.dumps(one.shell)}\n" for one in colliders]
    (root / "agent").mkdir(parents=True)
    (root / "agent" / "script.toml").write_text("\n".join(steps), encoding="utf-8")
    place = project(CACHETOOLS, old, root)
    place.write("spec/tasks.md", spec([Job(one.key, f"Do {one.key}", one.files) for one in colliders], ids))
    agent = '[agents.scripted]\nkind = "scripted"\nscript = "../agent/script.toml"\n'
    gate = f"[gates.suite]\ncommand = {json.dumps(SUITE)}\ntimeout_minutes = 5\n"
    place.write("chargehand.toml", f"{settings}\n[retry]\nattempts = 9\n{agent}\n{gate}")
    place.commit("Spec")
    return place


def task_ids(colliders: tuple[Collider, ...]) -> dict[str, str]:
    return {one.key: f"TASK-{number:03d}" for number, one in enumerate(colliders, 1)}


def merged_blindly(place: Place, colliders: tuple[Collider, ...], root: Path) -> tuple[Place, list[str], int]:
    """Every task done on the first commit and merged without judging what comes of it: where, the commits after each merge, and how
    many could not be merged."""
    first, ids = place.git("rev-parse", "main"), task_ids(colliders)
    blind = Place(root / "blind")
    place.git("clone", "--quiet", str(place.root), str(blind.root))
    blind.git("config", "user.name", "Tester")
    blind.git("config", "user.email", "tester@example.invalid")
    argv = [sys.executable, "-I", script_player.__file__, str(root / "agent" / "script.toml")]
    tips, lost = [], 0
    for one in colliders:
        blind.git("checkout", "--quiet", "-b", one.key, first)
        env = {"CHARGEHAND_TASK_ID": ids[one.key], "PATH": "/usr/bin:/bin"}
        subprocess.run(argv, cwd=blind.root, env=env, check=True, capture_output=True)
        blind.commit(one.key)
        blind.git("checkout", "--quiet", "main")
        blind.git("merge", "--quiet", "--no-edit", one.key, check=False)
        if blind.git("status", "--porcelain"):
            blind.git("merge", "--abort")
            lost += 1
        else:
            tips.append(blind.git("rev-parse", "main"))
    return blind, tips, lost
