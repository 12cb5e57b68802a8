"""Fetching a pair of releases, laying the older one out as a project, and running chargehand until it is the newer one."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.replay.cutting import File, Tree, changed, cut, read_sdist, read_tree, script, spec, write_tree
from tests.replay.releases import Release
from tests.run.conftest import Place

OURS = ("chargehand.toml", "spec/tasks.md")
"""What the project has besides the release."""

SUITE = (
    "PYTHONPATH=src PYTHONDONTWRITEBYTECODE=1 PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 "
    f"{shlex.quote(sys.executable)} -m pytest -q -p no:cacheprovider"
)
"""The package's own whole suite, as a shell command in its folder. ``src`` is where it is, if there is one."""

_FETCH_S = 180


class Unavailable(Exception):
    """The index could not be reached."""


# --- fetching -----------------------------------------------------------------------------------------------------------------


def fetch(release: Release, folder: Path) -> tuple[dict[str, File], dict[str, File]]:
    """The trees of both source distributions, from wherever pip is set up to look.

    Raises Unavailable when they cannot be had, and AssertionError when they are not the ones meant.
    """
    old, new = (read_sdist(download(release.package, *version, folder / version[0])) for version in (release.old, release.new))
    return old, new


def download(package: str, version: str, sha256: str, folder: Path) -> Path:
    folder.mkdir(parents=True)
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{package}=={version} --hash=sha256:{sha256}\n")
    # With --require-hashes nothing of an archive is run (pip asks it for its metadata) before it is known to be the right one.
    argv = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
    argv += ["--no-binary", package, "--dest", str(folder), "--requirement", str(wanted)]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_FETCH_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{package} {version} took longer than {_FETCH_S} seconds to fetch") from error
    assert "DO NOT MATCH THE HASHES" not in done.stderr, done.stderr
    if done.returncode:
        raise Unavailable(f"pip could not fetch {package} {version}: {done.stderr.strip()[-1000:]}")
    (archive,) = folder.glob("*.tar.gz")
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == sha256, archive.name
    return archive


# --- the project --------------------------------------------------------------------------------------------------------------


def lay_out(release: Release, old: Tree, new: Tree, root: Path) -> Place:
    """A project with the older release, a spec of the jobs, and beside it the script of the agent that does them."""
    assert not {*OURS} & {*old, *new}
    steps = cut(old, new, release.jobs)
    ids = task_ids(release)
    copied = {step["from"] for performed in steps.values() for step in performed if "from" in step}
    write_tree({path: new[path] for path in copied}, root / "agent" / "material")
    (root / "agent" / "script.toml").write_text(script(steps, ids, "material"), encoding="utf-8")

    place = project(release, old, root)
    place.write("spec/tasks.md", spec(release.jobs, ids))
    agent = '[agents.scripted]\nkind = "scripted"\nscript = "../agent/script.toml"\n'
    place.write("chargehand.toml", f"{agent}\n[gates.suite]\ncommand = {json.dumps(SUITE)}\ntimeout_minutes = 2\n")
    place.commit("Spec")
    return place


def project(release: Release, old: Tree, root: Path) -> Place:
    """A repository with the older release as its one commit."""
    place = Place(root / "project")
    place.root.mkdir()
    place.git("init", "--quiet", "--initial-branch=main")
    place.git("config", "user.name", "Tester")
    place.git("config", "user.email", "tester@example.invalid")
    write_tree(old, place.root)
    place.git("add", "--all", "--force")  # a release holds what its own .gitignore names
    place.git("commit", "--quiet", "--message", f"{release.package} {release.old[0]}")
    return place


def task_ids(release: Release) -> dict[str, str]:
    """The task of each job, by its key."""
    return {job.key: f"TASK-{number:03d}" for number, job in enumerate(release.jobs, 1)}


def differing(place: Place, new: Tree) -> list[str]:
    """Paths in which the user's checkout is not the release: in bytes, in the executable bit, or by being there at all."""
    tracked = place.git("ls-files", "-z").split("\0")
    found = read_tree(place.root, (path for path in tracked if path and path not in OURS))
    return changed(found, new)


def litter(place: Place) -> list[str]:
    """What git sees in the checkout beside the commit: nothing is right. Chargehand's own folder does not count."""
    lines = place.git("status", "--porcelain", "--ignored", "--untracked-files=all").splitlines()
    return [line for line in lines if not line.startswith("!! .chargehand/")]


# --- the run ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What became of a run: exit code, events, talk on stderr, and wall seconds."""

    code: int
    events: list[dict[str, Any]]
    talk: str
    seconds: float

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event.get("event") == kind]

    @property
    def trouble(self) -> str:
        """What the run said went wrong, for whoever has to find out."""
        told = [event for event in self.events if "error" in event or event["event"] in {"attempt.ended", "task.failed"}]
        return "\n".join([self.talk, *(json.dumps(event, indent=1) for event in told)])

    @property
    def judged_again(self) -> int:
        """How often a candidate had to be made anew because the target had moved."""
        return len(self.of("attempt.candidate"))

    def ended(self, *outcomes: str) -> int:
        """Attempts that did not land, with one of these outcomes (none: with any)."""
        return sum(not outcomes or event["outcome"] in outcomes for event in self.of("attempt.ended"))

    @property
    def unproven(self) -> list[str]:
        """Landed commits on which the suite was not seen to pass, nor on the one they landed together with."""
        verdicts = [event["verdict"] for event in self.of("gate.verdict")]
        passed = {said["commit"] for said in verdicts if said["verdict"] == "pass"}
        return [event["commit"] for event in self.of("task.landed") if event.get("judged", event["commit"]) not in passed]


def replay(place: Place, jobs: int, limit_s: float) -> Outcome:
    """The whole spec, by the real command line. Raises TimeoutExpired after ``limit_s`` seconds."""
    started = time.monotonic()
    with place.start("run", "--all", "--jobs", str(jobs), "--json") as process:
        try:
            out, talk = process.communicate(timeout=limit_s)
        except BaseException:
            process.kill()
            raise
    return Outcome(process.returncode, [json.loads(line) for line in out.splitlines()], talk, time.monotonic() - started)


# --- the suite, run by ourselves ----------------------------------------------------------------------------------------------


def suite(root: Path) -> subprocess.CompletedProcess[str]:
    """Run the package's suite in a tree of it."""
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(["/bin/sh", "-c", SUITE], cwd=root, env=env, capture_output=True, text=True, timeout=120, check=False)


def suite_by_commit(place: Place, clone: Path, commits: list[str]) -> Iterator[tuple[str, bool]]:
    """Whether the suite passes on each of those commits, checked out one after the other in a clone."""
    place.git("clone", "--quiet", "--no-checkout", str(place.root), str(clone))
    for commit in commits:
        place.git("-C", str(clone), "checkout", "--quiet", "--force", "--detach", commit)
        yield commit, suite(clone).returncode == 0
