"""What the depot holds of an attempt: its changes, whether a workspace can go, and the refs that keep its commits.

Nothing here opens the depot for work: it is read by git with arguments that let no setting of it start a program.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from chargehand.depot.git import Git
from chargehand.depot.layout import all_refs, read_ref, write_git_dir
from chargehand.depot.objects import object_format
from chargehand.depot.taking import differing, readable, snapshot
from chargehand.model.errors import ChargehandError

_ATTEMPTS, _KEPT = "refs/chargehand/attempts/", "refs/chargehand/kept/"
_DIFF = (
    "diff-tree",
    "-r",
    "-p",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--no-renames",
    "--src-prefix=a/",
    "--dst-prefix=b/",
)
_LONG = 900.0


def diff(depot: Path, base: str, commit: str) -> tuple[tuple[str, ...], bytes] | None:
    """The paths that differ between two commits, and a unified diff, in which binary files are only named.

    None when the depot has not got them any more.
    """
    git = Git(depot)
    if not depot.is_dir() or git.run("cat-file", "-e", f"{commit}^{{tree}}", accept=range(256)).code:
        return None
    return readable(differing(git, base, commit)), git.run(*_DIFF, "--end-of-options", base, commit, timeout=_LONG).stdout


def refs(depot: Path) -> dict[str, dict[str, str]]:
    """The refs that keep what attempts left, and their commits, by attempt."""
    found: dict[str, dict[str, str]] = {}
    for name, commit in all_refs(depot).items():
        if name.startswith(_ATTEMPTS):
            found.setdefault(name.removeprefix(_ATTEMPTS), {})[name] = commit
        elif name.startswith(_KEPT):
            found.setdefault(name.removeprefix(_KEPT).rpartition("/")[0], {})[name] = commit
    return found


def drop(depot: Path, doomed: dict[str, str]) -> None:
    """Remove refs, those that still name their commit. All or none."""
    orders = "".join(f"delete {name} {commit}\n" for name, commit in doomed.items())
    if orders:
        Git(depot).run("update-ref", "--stdin", stdin=orders.encode())


def unsaved(state: Path, name: str, base: str) -> str:
    """What speaks against removing the workspace ``name``, which was made from ``base``: empty when all of it is in the depot.

    That is proven when every commit the agent's refs name is reachable there, and the files are those of a commit that is. Nothing
    is written into the depot, and nothing the agent configured is read.
    """
    depot, place = state / "depot.git", state / "work" / name
    if not base or not depot.is_dir():
        return "it is not known what it was made from"
    linked = depot / "worktrees" / name
    if linked.is_dir():
        head = read_ref(linked, common=depot)
        tips = {head}
    else:
        head = read_ref(place / ".git")
        tips = {head, *all_refs(place / ".git").values()}
    if head is None:
        return "its HEAD cannot be read"
    if not _reachable(depot, [base, *(tip for tip in tips if tip)]):
        return "it holds commits that are not in the depot"
    try:
        tree = _tree(state, name, base, head)
    except (ChargehandError, OSError) as error:
        return f"it cannot be compared: {error}"
    known = [base, head, *refs(depot).get(name, {}).values()]
    if tree and tree not in {Git(depot).line("rev-parse", "--verify", f"{commit}^{{tree}}") for commit in known}:
        return "its files differ from every commit that was taken of it"
    return ""


def _reachable(depot: Path, commits: Iterable[str]) -> bool:
    """Whether the depot's refs keep all of them. The branches agents work on do not count: the next attempt moves them."""
    asked = ("rev-list", "--max-count=1", "--stdin", "--not", "--exclude=refs/heads/chargehand/*", "--glob=refs/*")
    lines = "".join(f"{commit}\n" for commit in commits)
    done = Git(depot).run(*asked, stdin=lines.encode(), accept=(0, 128), timeout=_LONG)
    return not done.code and not done.stdout


def _tree(state: Path, name: str, base: str, head: str) -> str:
    """The tree of the files of a workspace; empty when they are those of ``base``. What ``head`` has counts even if ignored."""
    committed = differing(Git(state / "depot.git"), base, head)
    with tempfile.TemporaryDirectory(dir=state, prefix="compare-") as scratch:
        git_dir = Path(scratch, "git")
        write_git_dir(
            git_dir,
            bare=True,
            algorithm=object_format(base),
            identity=("", ""),
            head=base,
            borrow=state / "depot.git" / "objects",
        )
        exclude = state / "depot.git" / "info" / "exclude"
        (git_dir / "info" / "exclude").write_bytes(exclude.read_bytes() if exclude.is_file() else b"")
        shallow = state / "depot.git" / "shallow"
        if shallow.is_file():
            (git_dir / "shallow").write_bytes(shallow.read_bytes())
        found = snapshot(Git(git_dir), state / "work" / name, state / "index" / name, base, committed)
    return found[0] if found else ""
