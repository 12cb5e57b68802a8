"""Making the depot: whole or not at all, and independent of what the user does to his repository afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.depot.depot_room import bare, commit, files_of, git, landed, opened, tip, write

from chargehand.depot.depot import GitDepot
from chargehand.model.errors import RepositoryProblem
from chargehand.ports import Depot

GitRepo = Callable[..., Path]


def test_it_is_a_bare_repository_with_the_target_and_nothing_that_runs(git_repo: GitRepo) -> None:
    root = git_repo({"a.txt": "1\n"})
    git(root, "branch", "other")
    depot: Depot = opened(root)
    assert depot.refresh().tip == tip(root)
    place = root / ".chargehand" / "depot.git"
    assert git(place, "for-each-ref", "--format=%(refname)", "refs/heads/") == "refs/heads/main"
    assert not (place / "hooks").exists()
    assert not (place / "objects/info/alternates").exists()
    assert git(place, "remote") == ""
    assert git(place, "fsck", "--full", "--strict") == ""


def test_objects_cost_no_space(git_repo: GitRepo) -> None:
    root = git_repo()
    depot = opened(root)
    name = Path("objects", tip(root)[:2], tip(root)[2:])
    assert (depot.git.git_dir / name).samefile(root / ".git" / name)


def test_it_outlives_what_the_user_prunes(git_repo: GitRepo) -> None:
    root = git_repo({"a.txt": "1\n"})
    before = commit(root, a_txt="2\n")
    depot = opened(root)
    git(root, "reset", "--quiet", "--hard", "HEAD~1")
    git(root, "reflog", "expire", "--expire=now", "--all")
    git(root, "gc", "--quiet", "--prune=now")
    assert depot.read(before, "a.txt") == b"2\n"
    assert bare(depot, "fsck", "--full") == ""


def test_a_repository_that_borrows_is_copied_whole(git_repo: GitRepo, tmp_path: Path) -> None:
    lender = git_repo({"a.txt": "1\n"}, name="lender")
    git(tmp_path, "clone", "--quiet", "--shared", str(lender), "borrower")
    root = tmp_path / "borrower"
    depot = opened(root)
    shutil.rmtree(lender)
    assert depot.read(depot.refresh().tip, "a.txt") == b"1\n"


def test_a_packed_and_a_shallow_repository(git_repo: GitRepo, tmp_path: Path) -> None:
    origin = git_repo({"a.txt": "1\n"}, name="origin")
    commit(origin, a_txt="2\n")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{origin}", "shallow")
    root = tmp_path / "shallow"
    git(root, "config", "user.name", "T")
    git(root, "config", "user.email", "t@example.invalid")
    depot = opened(root)
    workspace = depot.workspace("one", depot.refresh().tip)
    assert len(git(workspace, "log", "--format=%H").split()) == 1
    commit(workspace, b_txt="b\n")
    taken = depot.take("one", tip(root), "work")
    assert taken is not None
    assert depot.land(taken.commit, tip(root))
    assert depot.deliver().how == "checkout"
    assert git(root, "fsck", "--full") == ""
    his = commit(root, c_txt="c\n")
    assert depot.refresh().tip == his
    commit(origin, d_txt="d\n")
    git(root, "fetch", "--quiet", "--depth=1", "origin", "main")
    git(root, "reset", "--quiet", "--hard", "FETCH_HEAD")
    assert depot.read(depot.refresh().tip, "d.txt") == b"d\n"


def test_sha256(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    root.mkdir()
    git(root, "init", "--quiet", "--object-format=sha256", "--initial-branch=main")
    git(root, "config", "user.name", "T")
    git(root, "config", "user.email", "t@example.invalid")
    commit(root, a_txt="1\n")
    depot = opened(root)
    made = landed(depot, "one", "b.txt")
    assert len(made) == 64
    assert depot.deliver().how == "checkout"
    assert (root / "b.txt").read_text() == "new\n"


def test_opening_again_keeps_everything(git_repo: GitRepo) -> None:
    root = git_repo()
    made = landed(opened(root), "one", "a.txt")
    again = opened(root)
    assert again.refresh().tip == made
    assert again.contains(made)


def test_what_a_crash_left_is_cleared_away(git_repo: GitRepo) -> None:
    root = git_repo()
    state = root / ".chargehand"
    half = write(state, "trash/depot-half/HEAD")
    depot = opened(root)
    assert not half.exists()
    write(depot.git.git_dir, "refs/heads/main.lock", "")
    write(depot.git.git_dir, "packed-refs.lock", "")
    write(depot.git.git_dir, "config", "[core\n half written")
    depot = opened(root)
    landed(depot, "one", "a.txt")
    assert bare(depot, "fsck", "--full") == ""


def test_another_target_later(git_repo: GitRepo) -> None:
    root = git_repo({"a.txt": "1\n"})
    opened(root)
    git(root, "switch", "--quiet", "-c", "feature/x")
    his = commit(root, b_txt="2\n")
    depot = opened(root, target="feature/x")
    assert depot.refresh().tip == his
    assert set(files_of(depot, his)) == {"a.txt", "b.txt"}
    assert opened(root).refresh().tip == tip(root)


def test_a_target_that_is_not_there(git_repo: GitRepo) -> None:
    root = git_repo()
    with pytest.raises(RepositoryProblem, match="no branch mian") as caught:
        GitDepot.open(root, root / ".chargehand", "mian")
    assert "main" in caught.value.hint
    assert not (root / ".chargehand").exists()


def test_odd_paths(tmp_path: Path, git_repo: GitRepo) -> None:
    root = git_repo({"a.txt": "1\n"}, name='a "b" c:d\\e é')
    depot = opened(root)
    place = depot.workspace("one", depot.refresh().tip)
    made = commit(place, b_txt="2\n")
    taken = depot.take("one", tip(root), "work")
    assert taken is not None
    assert taken.commit == made
    his = commit(root, c_txt="3\n")
    assert depot.refresh().tip == his
