"""What the tests of this room share: git as a person would type it, and a look at every byte of a repository."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from chargehand.depot.depot import GitDepot
from chargehand.model.config import WorkspaceKind
from chargehand.ports import Conflict

MAIN = "main"


def git(place: Path, *arguments: str) -> str:
    """Type a git command in ``place``; its output without the line end."""
    done = subprocess.run(["git", *arguments], cwd=place, check=True, capture_output=True)
    return os.fsdecode(done.stdout).rstrip("\n")


def bare(depot: GitDepot, *arguments: str) -> str:
    """The same in the depot."""
    return git(depot.git.git_dir, "--git-dir=.", *arguments)


def write(root: Path, name: str, text: str = "x\n") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def commit(root: Path, message: str = "work", **files: str) -> str:
    """Write files (``a_txt="..."`` is a.txt), commit everything, return the id."""
    for name, text in files.items():
        write(root, name.replace("_", "."), text)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "-m", message)
    return git(root, "rev-parse", "HEAD")


def opened(root: Path, kind: WorkspaceKind = "clone", target: str = MAIN) -> GitDepot:
    """The depot of ``root`` with its state where a project has it, ignored by itself."""
    state = root / ".chargehand"
    state.mkdir(exist_ok=True)
    write(state, ".gitignore", "*\n")
    return GitDepot.open(root, state, target, kind)


def tip(root: Path, branch: str = MAIN) -> str:
    return git(root, "rev-parse", f"refs/heads/{branch}")


def work(depot: GitDepot, name: str, change: Callable[[Path], object], base: str = "") -> str:
    """One attempt from workspace to a proposal on ``base`` (the tip when empty). Returns the proposal."""
    base = base or depot.refresh().tip
    place = depot.workspace(name, base)
    change(place)
    taken = depot.take(name, base, f"{name}: taken")
    assert taken is not None
    depot.discard(name)
    told = f"{name}: landed\n\nChargehand-Task: {name}\nChargehand-Run: r1\nChargehand-Attempt: 1\n"
    return depot.propose(taken.commit, [base], told, {})


def landed(depot: GitDepot, name: str, file: str, text: str = "new\n") -> str:
    """Land one new file; returns the landed commit."""
    base = depot.refresh().tip
    proposal = work(depot, name, lambda place: write(place, file, text), base)
    assert depot.land(proposal, base)
    return proposal


def files_of(depot: GitDepot, commit: str) -> dict[str, str]:
    """Every path of a commit with its mode."""
    listing = bare(depot, "ls-tree", "-r", "-z", commit).split("\0")
    return {entry.partition("\t")[2]: entry.split(" ")[0] for entry in listing if entry}


def fingerprint(root: Path, without: tuple[str, ...] = (".chargehand/", ".git/objects/")) -> dict[str, str]:
    """A hash of the bytes, kind, mode and time of everything below ``root``."""
    seen = {}
    for folder, folders, names in os.walk(root):
        for name in folders + names:
            path = Path(folder, name)
            relative = f"{path.relative_to(root)}/" if path.is_dir() else str(path.relative_to(root))
            if relative.startswith(without):
                continue
            status = path.lstat()
            content = b"" if path.is_dir() else os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
            when = 0 if path.is_dir() else status.st_mtime_ns
            seen[relative] = f"{status.st_mode:o} {when} {hashlib.sha256(content).hexdigest()}"
    return seen


def in_conflict(merged: str | Conflict) -> tuple[str, ...]:
    """The files that could not be merged; none when all could."""
    return merged.files if isinstance(merged, Conflict) else ()
