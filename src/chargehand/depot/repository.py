"""A look at the user's repository before anything is made: is there something to work on, and for whom?"""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path

from chargehand.depot.git import check_version, failure, look, text
from chargehand.model.errors import RepositoryProblem

NOBODY = ("chargehand", "chargehand@localhost")


@dataclass(frozen=True, slots=True)
class Repository:
    """The user's repository as found.

    ``root`` is the top of his checkout, ``git_dir`` the directory shared by all his worktrees. ``branch`` is None when HEAD is
    detached, ``head`` None before the first commit. ``identity`` is his name and address. ``excludes`` are the files besides
    ``.gitignore`` that say what he does not want in git.
    """

    root: Path
    git_dir: Path
    branch: str | None
    head: str | None
    bare: bool
    identity: tuple[str, str]
    excludes: tuple[Path, ...] = ()


def inspect(project: Path) -> Repository:
    """Describe the repository ``project`` lies in. RepositoryProblem when there is none, EnvironmentProblem without git."""
    check_version()
    if not project.is_dir():
        raise RepositoryProblem(f"{project} is not a directory")
    args = ("rev-parse", "--path-format=absolute", "--is-bare-repository", "--git-common-dir", "--show-toplevel")
    found = look(project, *args, accept=range(256))
    lines = os.fsdecode(found.stdout).split("\n")
    if len(lines) < 3:
        said = text(found.stderr)
        if "not a git repository" in said:
            raise RepositoryProblem(f"{project} is not in a git repository", hint="make one: git init && git add -A && git commit")
        raise RepositoryProblem(f"git refuses {project}: {said}") from failure(args, found)
    bare = lines[0] == "true"
    if found.code and not bare:
        raise RepositoryProblem(f"{project} is not in a checkout", hint="run this in the directory that holds your files")
    git_dir = Path(lines[1])
    root = git_dir if bare else Path(lines[2])
    branch = text(look(root, "symbolic-ref", "-q", "HEAD", accept=(0, 1)).stdout).removeprefix("refs/heads/")
    head = text(look(root, "rev-parse", "-q", "--verify", "HEAD^{commit}", accept=(0, 1, 128)).stdout)
    settings = _settings(root)
    identity = (settings.get("user.name") or NOBODY[0], settings.get("user.email") or NOBODY[1])
    home = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser()
    general = settings.get("core.excludesfile")
    excludes = (git_dir / "info" / "exclude", Path(general).expanduser() if general else home / "git" / "ignore")
    return Repository(root, git_dir, branch or None, head or None, bare, identity, excludes)


def _settings(root: Path) -> dict[str, str]:
    raw = look(root, "config", "-z", "--get-regexp", r"^(user\.(name|email)|core\.excludesfile)$", accept=(0, 1)).stdout
    pairs = (item.partition("\n") for item in os.fsdecode(raw).split("\0") if item)
    return {key.lower(): value for key, _, value in pairs}


def target(repository: Repository, configured: str = "") -> str:
    """The branch to land on: the configured one, else the one checked out. RepositoryProblem, with a hint, when there is none."""
    if repository.bare:
        raise RepositoryProblem(f"{repository.root} is a bare repository", hint="clone it and run this in the clone")
    if not configured and repository.branch is None:
        raise RepositoryProblem(
            "HEAD is detached, so there is no branch to land on", hint='switch to a branch, or set target = "..."'
        )
    name = configured or repository.branch or ""
    if repository.head is None and repository.branch == name:
        raise RepositoryProblem(f"branch {name} has no commit yet", hint="commit something first: git add -A && git commit")
    known = branches(repository)
    if name not in known:
        raise missing(name, known)
    return name


def missing(name: str, known: tuple[str, ...]) -> RepositoryProblem:
    """The error for a target branch that is not there."""
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"make it: git branch {name}"
    return RepositoryProblem(f"there is no branch {name}", hint=hint, code="no_target")


def branches(repository: Repository) -> tuple[str, ...]:
    """The names of his branches."""
    raw = look(repository.root, "for-each-ref", "--format=%(refname)", "refs/heads/").stdout
    return tuple(name.removeprefix("refs/heads/") for name in text(raw).splitlines())


def is_tracked(root: Path, path: str) -> bool:
    """Whether git knows the file ``path``, relative to ``root``."""
    code = look(root, "--literal-pathspecs", "ls-files", "--error-unmatch", "--", path, accept=(0, 1)).code
    return code == 0


def is_clean(root: Path) -> bool:
    """Whether no tracked file differs from HEAD, staged or not. Untracked files do not count."""
    return not look(root, "status", "--porcelain", "-z", "--untracked-files=no", "--ignore-submodules=all").stdout
